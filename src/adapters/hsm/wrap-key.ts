// The public half of the token's key, which wraps; and the print it is known by. No module is loaded for it.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

import type { PublicKey } from './wire.ts';

export type WrapKey = {
  readonly key: KeyObject;
  /** SHA-256 of its SPKI, in hex. */
  readonly print: string;
};

/** Of a token's own words. */
export function wrapKeyOf({ modulus, exponent }: PublicKey): WrapKey {
  const jwk = {
    kty: 'RSA',
    n: Buffer.from(modulus).toString('base64url'),
    e: Buffer.from(exponent).toString('base64url'),
  };
  return withPrint(createPublicKey({ key: jwk, format: 'jwk' }));
}

export function wrapKeyOfPem(pem: string): WrapKey {
  return withPrint(createPublicKey(pem));
}

function withPrint(key: KeyObject): WrapKey {
  const print = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
  return { key, print: print.digest('hex') };
}
