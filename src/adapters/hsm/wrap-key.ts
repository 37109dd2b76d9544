// The public half of the token's key, which wraps; and the fingerprint it is known by. No module is loaded for it.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

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

function withFingerprint(key: KeyObject): WrapKey {
  const hash = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
  return { key, fingerprint: hash.digest('hex') };
}
