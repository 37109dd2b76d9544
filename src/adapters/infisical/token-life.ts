// How long an access token may be used. Pure but for decoding.

import { decodeClaims, type LoggedIn } from './codec.ts';

/** Of a token that names no end. A refused one is replaced anyway, so this only bounds how long one is kept on disk. */
const UNNAMED_MS = 24 * 3_600_000;

/** Requests under way when it ends must still be answered; a tenth, for tokens that live shorter than five minutes. */
const MARGIN_MS = 30_000;

/** Milliseconds from now until the server ends it; undefined: it names no end. */
export function namedLifeMs({ accessToken, expiresIn }: LoggedIn): number | undefined {
  // Zero is how a server says "none".
  const configured = expiresIn === undefined || expiresIn === null || expiresIn <= 0 ? undefined : expiresIn * 1000;
  return earlier(configured, jwtLifeMs(accessToken));
}

/** Milliseconds from now to the end. `ttlMs`: the operator's bound. */
export function lifeMs(loggedIn: LoggedIn, ttlMs: number | undefined): number {
  return earlier(namedLifeMs(loggedIn), ttlMs) ?? UNNAMED_MS;
}

/** Milliseconds from now until a new one is to be obtained. */
export function usableMs(loggedIn: LoggedIn, ttlMs: number | undefined): number {
  const life = lifeMs(loggedIn, ttlMs);
  return life - Math.min(MARGIN_MS, life / 10);
}

/** From issue to end, both by the server's clock: this host's may be wrong by hours. */
function jwtLifeMs(token: string): number | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  const { iat, exp } = decodeClaims(Buffer.from(payload, 'base64url').toString('utf8')) ?? {};
  return iat === undefined || exp === undefined || exp <= iat ? undefined : (exp - iat) * 1000;
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
