// Blobs that the Python PSI made, and others made here by its format alone.

import assert from 'node:assert/strict';
import { constants, createCipheriv, createHash, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { openBlob, type BlobToken, type DecryptKey } from '../../../../src/adapters/nitrokeyhsm/blob.ts';
import { decodeStored, encodeMapping } from '../../../../src/core/mapping.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';

const at = (name: string): string =>
  readFileSync(new URL(`../../../vectors/python-psi/${name}`, import.meta.url), 'utf8');
const KEY = at('rsa-2048.pem');
const OAEP = { key: KEY, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** In the place of the token. */
// eslint-disable-next-line @typescript-eslint/require-await -- what Node throws has to be a rejection
const decryptKey: DecryptKey = async (wrappedKey) => new SecretValue(privateDecrypt(OAEP, wrappedKey));

const tokenOf = (decrypt: DecryptKey): BlobToken => ({ decryptKey: decrypt, section: 'providers.nitrokeyhsm' });
const SOFTLY = tokenOf(decryptKey);

type Vector = { readonly name: string; readonly plain_bytes: number; readonly plain_sha256: string };
const vectors = JSON.parse(at('nitrokeyhsm/index.json')) as readonly Vector[];

const blobOf = (name: string): string => {
  const mapping = decodeStored(at(`nitrokeyhsm/${name}.mapping.json`));
  assert.ok(mapping && 'blob' in mapping && mapping.provider === 'nitrokeyhsm');
  return mapping.blob;
};

assert.equal(vectors.length, 6);
for (const { name, plain_bytes: length, plain_sha256: hash } of vectors) {
  test(`opens the vector ${name}`, async () => {
    const value = (await openBlob(blobOf(name), SOFTLY)).expose();
    assert.deepEqual([value.length, sha256(value)], [length, hash]);
  });
}

/** A second writer of the format. */
function sealed(plain: Uint8Array): Buffer {
  const [key, nonce] = [randomBytes(32), randomBytes(12)];
  const wrapped = publicEncrypt(OAEP, key);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const content = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  return Buffer.concat([length, wrapped, nonce, content]);
}

test('reads base64 as leniently as the Python PSI did', async () => {
  const blob = sealed(Buffer.from('hunter2')).toString('base64');
  for (const text of [blob, blob.replace(/.{64}/g, '$&\r\n'), ` ${blob.slice(0, 9)}#!${blob.slice(9)}\n`]) {
    assert.equal((await openBlob(text, SOFTLY)).exposeText(), 'hunter2');
  }
});

test('each bit that is flipped, and each cut, is refused', async () => {
  const whole = sealed(Buffer.from('hunter2'));
  const refused = async (bytes: Buffer): Promise<void> => {
    const decrypt: DecryptKey = (wrappedKey) => decryptKey(wrappedKey).catch(() => new SecretValue(randomBytes(32)));
    await assert.rejects(openBlob(bytes.toString('base64'), tokenOf(decrypt)), { code: 'CACHE_CORRUPT' });
  };
  for (let index = 0; index < whole.length; index += 13) {
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(index) ^ 1, index);
    await refused(flipped).catch((thrown: unknown) => {
      // The token refuses a damaged key by itself, or Node does here.
      throw new Error(`byte ${String(index)}`, { cause: thrown });
    });
  }
  for (const length of [0, 1, 2, 100, 257, 285, whole.length - 1]) await refused(whole.subarray(0, length));
});

test('what the token says is handed on, with where it stands in the config, and nothing of the value', async () => {
  const blob = blobOf('3-hunter2');
  const away = new PsiError('KEY_UNAVAILABLE', 'no token', {
    hint: 'correct `module` under cache.hsm',
    retry: 'later',
  });
  await assert.rejects(
    openBlob(
      blob,
      tokenOf(() => Promise.reject(away)),
    ),
    {
      code: 'KEY_UNAVAILABLE',
      message: 'no token',
      hint: 'correct `pkcs11_module` under providers.nitrokeyhsm',
      retry: 'later',
    },
  );
  const corrupt = new PsiError('CACHE_CORRUPT', 'the key is damaged', { hint: '`podman exec psi psi cache refresh`' });
  for (const decrypt of [
    (): Promise<SecretValue> => Promise.reject(corrupt),
    (): Promise<SecretValue> => Promise.resolve(new SecretValue(randomBytes(32))),
  ]) {
    await assert.rejects(openBlob(blob, tokenOf(decrypt)), ({ code, message, hint }: PsiError) => {
      assert.equal(code, 'CACHE_CORRUPT');
      assert.doesNotMatch(`${message} ${hint ?? ''}`, /hunter2|cache refresh/);
      return true;
    });
  }
});

test('a mapping with a blob is read with whatever else stands in it, and written back as the Python PSI has it', () => {
  const blob = blobOf('2-one-byte');
  const mapping = { provider: 'nitrokeyhsm', blob };
  for (const text of [
    JSON.stringify(mapping),
    JSON.stringify({ blob, note: 'x', provider: 'nitrokeyhsm' }, undefined, 2),
    `${at('nitrokeyhsm/2-one-byte.mapping.json')}\n`,
  ]) {
    assert.deepEqual(decodeStored(text), mapping);
  }
  assert.equal(encodeMapping(mapping).replaceAll(/([:,])"/g, '$1 "'), at('nitrokeyhsm/2-one-byte.mapping.json'));
});
