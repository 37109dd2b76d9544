// The data key wrapped under a systemd credential, as it stands in the cache's header (docs/cache-format.md): AES-256-GCM under a key that
// is derived from the credential, so that the credential itself encrypts nothing.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

import { sameBytes } from '../../core/bytes.ts';
import { PsiError } from '../../core/error.ts';
import { DATA_KEY_BYTES, type KeyFailure } from '../../sealing/key-wrapper.ts';

const VERSION = 1;
const FINGERPRINT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHECK_BYTES = 8;
const BODY_BYTES = 1 + FINGERPRINT_BYTES + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;

const CIPHER = 'aes-256-gcm';

/** What a credential is used as: a key, and the fingerprint it is known by. */
export type CredentialKey = { readonly key: Uint8Array; readonly fingerprint: Uint8Array };

export function credentialKey(secret: Uint8Array): CredentialKey {
  const derive = (use: string, length: number): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), `psi cache ${use} 1`, length));
  return { key: derive('key', 32), fingerprint: derive('print', FINGERPRINT_BYTES) };
}

/** The nonce is random: one credential wraps a few keys an hour, far below the 2^32 that random nonces are good for. */
export function sealKey({ key, fingerprint }: CredentialKey, dataKey: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const front = Buffer.concat([Uint8Array.of(VERSION), fingerprint]);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(front);
  const body = Buffer.concat([front, nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([body, checksum(body)]);
}

/** Is it whole and of this version? Throws CACHE_CORRUPT if not; asks for no key. */
export function checkBlob(blob: Uint8Array): void {
  const body = blob.subarray(0, -CHECK_BYTES);
  // Against accidents, so that a damaged blob is told from one under another credential.
  if (blob.length <= CHECK_BYTES || !checksum(body).equals(blob.subarray(-CHECK_BYTES)))
    throw corrupt('damaged', 'is damaged');
  if (body[0] !== VERSION) throw corrupt('version', 'is of a format that this psi does not know');
  if (body.length !== BODY_BYTES) throw corrupt('damaged', 'is damaged');
}

/** The data key; undefined: it was wrapped under another credential. */
export function openKey({ key, fingerprint }: CredentialKey, blob: Uint8Array): Uint8Array | undefined {
  const front = blob.subarray(0, 1 + FINGERPRINT_BYTES);
  if (!sameBytes(fingerprint, front.subarray(1))) return undefined;
  const rest = blob.subarray(front.length, -CHECK_BYTES);
  const decipher = createDecipheriv(CIPHER, key, rest.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(front);
  decipher.setAuthTag(rest.subarray(-TAG_BYTES));
  try {
    // A stream cipher: all of it comes from update().
    const dataKey = decipher.update(rest.subarray(NONCE_BYTES, -TAG_BYTES));
    decipher.final();
    return dataKey;
  } catch {
    throw corrupt('damaged', 'was altered');
  }
}

function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECK_BYTES);
}

function corrupt(reason: KeyFailure, what: string): PsiError {
  return new PsiError('CACHE_CORRUPT', `the key wrapped under the credential ${what}`, {
    hint: '`podman exec psi psi cache refresh` wraps a new one',
    details: { reason },
  });
}
