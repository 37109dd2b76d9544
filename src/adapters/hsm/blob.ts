// The wrapped key of the HSM as it stands in the cache's header (docs/cache-format.md): which key it is for, and RSA's ciphertext.

import { createHash } from 'node:crypto';

import { PsiError } from '../../core/error.ts';
import type { KeyFailure } from '../../sealing/key-wrapper.ts';

const VERSION = 1;
const FINGERPRINT_BYTES = 32;
const CHECK_BYTES = 8;
/** RSA-1024 is the smallest that OAEP with SHA-256 and 32 bytes fits into twice over. */
const MIN_CIPHERTEXT_BYTES = 128;

export type HsmBlob = {
  /** SHA-256 of the public key's SPKI, in hex. */
  readonly fingerprint: string;
  readonly ciphertext: Uint8Array;
};

export function encodeBlob({ fingerprint, ciphertext }: HsmBlob): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(VERSION), Buffer.from(fingerprint, 'hex'), ciphertext]);
  return Buffer.concat([body, checksum(body)]);
}

/** The checksum is against accidents, so that a damaged blob is told from another token's; authentic it is by the cache's header tag. */
export function decodeBlob(blob: Uint8Array): HsmBlob {
  const body = blob.subarray(0, -CHECK_BYTES);
  if (
    body.length < 1 + FINGERPRINT_BYTES + MIN_CIPHERTEXT_BYTES ||
    !checksum(body).equals(blob.subarray(-CHECK_BYTES))
  ) {
    throw corrupt('damaged', 'is damaged');
  }
  if (body[0] !== VERSION) throw corrupt('version', 'is of a format that this psi does not know');
  return {
    fingerprint: Buffer.from(body.subarray(1, 1 + FINGERPRINT_BYTES)).toString('hex'),
    ciphertext: body.subarray(1 + FINGERPRINT_BYTES),
  };
}

function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECK_BYTES);
}

function corrupt(reason: KeyFailure, what: string): PsiError {
  return new PsiError('CACHE_CORRUPT', `the key wrapped for the HSM ${what}`, {
    hint: '`podman exec psi psi cache refresh` wraps a new one',
    details: { reason },
  });
}
