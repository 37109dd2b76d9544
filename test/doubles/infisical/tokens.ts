// Access tokens: real HS256 JWTs (clients read `exp`) beside a record per token for TTL, uses and revocation.
// Knows nothing of HTTP. Times inside a JWT are seconds, everything else milliseconds.
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { ApiFailure } from './errors.ts';
import { isRecord } from './fields.ts';
import type { Clock, Generation, Identity } from './model.ts';
import type { DoubleState } from './state.ts';

interface TokenRecord {
  readonly identity: Identity;
  readonly createdAt: number;
  renewedAt: number;
  uses: number;
  revoked: boolean;
}

export interface TokenAnswer {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly accessTokenMaxTTL: number;
  readonly tokenType: 'Bearer';
}

/** One JWT never lives longer than 90 days on a current server, whatever expiresIn says. */
const NINETY_DAYS = 7_776_000;

export class Tokens {
  readonly #state: DoubleState;
  readonly #generation: Generation;
  readonly #now: Clock;
  readonly #key = randomBytes(32);
  readonly #records = new Map<string, TokenRecord>();

  constructor(state: DoubleState, generation: Generation, now: Clock) {
    this.#state = state;
    this.#generation = generation;
    this.#now = now;
  }

  issue(identity: Identity): TokenAnswer {
    const id = randomUUID();
    const now = this.#now();
    this.#records.set(id, { identity, createdAt: now, renewedAt: now, uses: 0, revoked: false });
    return answer(identity, this.#sign(id, identity, identity.accessTokenTtl), identity.accessTokenTtl);
  }

  /** Every authenticated call passes here and costs one use. */
  use(token: string): Identity {
    const { record } = this.#verify(token);
    const { identity } = record;
    if (identity.accessTokenUsesLimit > 0 && record.uses >= identity.accessTokenUsesLimit) throw this.#usesSpent();
    record.uses += 1;
    return identity;
  }

  renew(token: string): TokenAnswer {
    const { id, record } = this.#verify(token);
    const { identity } = record;
    if (identity.accessTokenUsesLimit > 0 && record.uses >= identity.accessTokenUsesLimit) throw this.#usesSpent();
    const left = this.#secondsLeft(record);
    if (this.#generation === '2024') {
      // It refuses, and forgets, a token whose renewal would pass the ceiling instead of shortening it.
      if (identity.accessTokenTtl > left) {
        this.#records.delete(id);
        throw new ApiFailure('unauthorized', 'Failed to renew MI access token due to Max TTL expiration');
      }
      record.renewedAt = this.#now();
      return answer(identity, token, identity.accessTokenTtl);
    }
    if (left <= 0) throw new ApiFailure('unauthorized', 'Access token has exceeded its max age');
    const ttl = Math.min(identity.accessTokenTtl > 0 ? identity.accessTokenTtl : NINETY_DAYS, left, NINETY_DAYS);
    record.renewedAt = this.#now();
    return answer(identity, this.#sign(id, identity, ttl), ttl);
  }

  revoke(token: string): void {
    this.#verify(token).record.revoked = true;
  }

  revokeAll(): void {
    for (const record of this.#records.values()) record.revoked = true;
  }

  #verify(token: string): { readonly id: string; readonly record: TokenRecord } {
    const claims = this.#claims(token);
    if (claims.exp !== undefined && this.#now() >= claims.exp * 1000) throw new ApiFailure('token', 'jwt expired');
    const record = this.#records.get(claims.id);
    const known = record !== undefined && this.#state.identities.get(record.identity.clientId) === record.identity;
    if (!known || record.revoked) throw new ApiFailure('unauthorized', 'No identity access token found');
    this.#checkStoredTtl(claims.id, record);
    return { id: claims.id, record };
  }

  /** On the 2024 server the JWT's exp is the ceiling, and the TTL is a matter of the database. */
  #checkStoredTtl(id: string, record: TokenRecord): void {
    const ttl = record.identity.accessTokenTtl;
    if (this.#generation === 'v4' || ttl === 0 || this.#now() < record.renewedAt + ttl * 1000) return;
    this.#records.delete(id);
    throw new ApiFailure('unauthorized', 'Failed to renew MI access token due to TTL expiration');
  }

  #secondsLeft(record: TokenRecord): number {
    const ceiling = record.identity.accessTokenMaxTtl;
    if (ceiling === 0) return Number.POSITIVE_INFINITY;
    return Math.floor((record.createdAt + ceiling * 1000 - this.#now()) / 1000);
  }

  #usesSpent(): ApiFailure {
    const kind = this.#generation === '2024' ? 'bad-request' : 'unauthorized';
    return new ApiFailure(kind, 'Unable to renew because access token usage limit reached');
  }

  #sign(id: string, identity: Identity, ttl: number): string {
    const iat = Math.floor(this.#now() / 1000);
    const life = this.#jwtLife(identity, ttl);
    const claims = {
      identityId: identity.id,
      identityAccessTokenId: id,
      authTokenType: 'identityAccessToken',
      iat,
      jti: randomUUID(),
      ...(life === undefined ? {} : { exp: iat + life }),
    };
    const head = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    return `${head}.${this.#signature(head)}`;
  }

  #jwtLife(identity: Identity, ttl: number): number | undefined {
    if (this.#generation === '2024') return identity.accessTokenMaxTtl === 0 ? undefined : identity.accessTokenMaxTtl;
    return Math.min(ttl > 0 ? ttl : NINETY_DAYS, NINETY_DAYS);
  }

  #signature(head: string): string {
    return createHmac('sha256', this.#key).update(head).digest('base64url');
  }

  #claims(token: string): { readonly id: string; readonly exp: number | undefined } {
    const [header, payload, signature, ...more] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined || more.length > 0) {
      throw new ApiFailure('token', 'jwt malformed');
    }
    const expected = Buffer.from(this.#signature(`${header}.${payload}`));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
      throw new ApiFailure('token', 'invalid signature');
    }
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const id = isRecord(claims) ? claims['identityAccessTokenId'] : undefined;
    const exp = isRecord(claims) ? claims['exp'] : undefined;
    if (typeof id !== 'string') throw new ApiFailure('token', 'jwt malformed');
    return { id, exp: typeof exp === 'number' ? exp : undefined };
  }
}

function answer(identity: Identity, accessToken: string, expiresIn: number): TokenAnswer {
  return { accessToken, expiresIn, accessTokenMaxTTL: identity.accessTokenMaxTtl, tokenType: 'Bearer' };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
