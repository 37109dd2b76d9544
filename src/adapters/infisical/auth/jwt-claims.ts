// What a JWT says of itself, for messages and for telling identities apart. Nothing is verified here.

import { decodeClaims } from '../codec.ts';
import { oneLine } from '../words.ts';

export type Claims = {
  readonly iss: string | undefined;
  readonly sub: string | undefined;
  readonly aud: string | undefined;
  /** Seconds since 1970. */
  readonly exp: number | undefined;
};

export function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}

export function claimsOf(jwt: string): Claims {
  const claims = decodeClaims(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'));
  return {
    iss: textOf(claims?.iss),
    sub: textOf(claims?.sub),
    aud: textOf(claims?.aud),
    exp: claims?.exp,
  };
}

function textOf(claim: unknown): string | undefined {
  const words: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const texts = words.filter((word) => typeof word === 'string');
  return texts.length === 0 ? undefined : oneLine(texts.join(' '));
}
