// The public half of the token's key, which wraps; and the fingerprint it is known by. No module is loaded for it.

import { constants, createHash, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto';

import type { PublicKey } from './wire.ts';

export type WrapKey = {
  readonly key: KeyObject;
  /** SHA-256 of its SPKI, in hex. */
  readonly fingerprint: string;
};

/** Of a token's own words. */
export function wrapKeyOf({ modulus, exponent }: PublicKey): WrapKey {
  const jwk = {
    kty: 'RSA',
    n: Buffer.from(modulus).toString('base64url'),
    e: Buffer.from(exponent).toString('base64url'),
  };
  return withFingerprint(createPublicKey({ key: jwk, format: 'jwk' }));
}

export function wrapKeyOfPem(pem: string): WrapKey {
  return withFingerprint(createPublicKey(pem));
}

/** RSA-OAEP with SHA-256, its MGF1 too: what the token has to undo. */
export function wrappedBy({ key }: Pick<WrapKey, 'key'>, bytes: Uint8Array): Uint8Array {
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, bytes);
}

function withFingerprint(key: KeyObject): WrapKey {
  const hash = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
  return { key, fingerprint: hash.digest('hex') };
}
