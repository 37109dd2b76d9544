// What the Python PSI sealed with a Nitrokey, as bytes (docs/formats.md): the length of the wrapped key (2, big-endian), that key
// (RSA-OAEP-SHA256), a nonce (12), AES-256-GCM ciphertext and its tag (16), in base64. Read, and never written.

import { createDecipheriv } from 'node:crypto';

import { PsiError, toPsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';

const CIPHER = 'aes-256-gcm';
const LENGTH_BYTES = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The token: what RSA-OAEP-SHA256 made of a key, back to the key. */
export type DecryptKey = (wrappedKey: Uint8Array) => Promise<SecretValue>;

export type BlobToken = {
  readonly decryptKey: DecryptKey;
  /** Where the token stands in the config. */
  readonly section: string;
};

/** Fails with CACHE_CORRUPT where the blob is no good for this token, and as `decryptKey` does. */
export async function openBlob(base64: string, token: BlobToken): Promise<SecretValue> {
  // Line breaks and other characters between are dropped, as the Python PSI dropped them.
  const bytes = Buffer.from(base64, 'base64');
  const keyEnd = LENGTH_BYTES + (bytes.length < LENGTH_BYTES ? 0 : bytes.readUInt16BE(0));
  const contentAt = keyEnd + NONCE_BYTES;
  if (keyEnd === LENGTH_BYTES || bytes.length < contentAt + TAG_BYTES) throw damaged('is cut short');
  const key = (await unwrapped(bytes.subarray(LENGTH_BYTES, keyEnd), token)).expose();
  let plain: Uint8Array | undefined;
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(keyEnd, contentAt), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    plain = decipher.update(bytes.subarray(contentAt, -TAG_BYTES));
    decipher.final();
    return new SecretValue(plain);
  } catch (cause) {
    plain?.fill(0);
    throw damaged('was altered after it was made, or its key is another one', cause);
  } finally {
    key.fill(0);
  }
}

async function unwrapped(wrappedKey: Uint8Array, { decryptKey, section }: BlobToken): Promise<SecretValue> {
  try {
    return await decryptKey(wrappedKey);
  } catch (thrown) {
    const error = toPsiError(thrown);
    if (error.code === 'CACHE_CORRUPT') throw damaged('is damaged, or for another token', error);
    const { code, message, hint, retry, details } = error;
    // The same words are said of the cache's token, which stands elsewhere and has other keys.
    const own = hint
      ?.replaceAll('cache.hsm', section)
      .replace('`module` under', '`pkcs11_module` under')
      .replace('`key` or `key_id` under', '`key_label` or `key_id` under');
    throw new PsiError(code, message, { ...(own !== undefined && { hint: own }), retry, details, cause: error });
  }
}

function damaged(how: string, cause?: unknown): PsiError {
  return new PsiError('CACHE_CORRUPT', `the value that was sealed with the token ${how}`, {
    hint: 'seal the value anew: `podman exec -i psi psi sealed store NAME < FILE`, or have the file of its mapping back from a backup',
    cause,
  });
}
