// Access tokens: real HS256 JWTs (clients read `exp`) beside a record per token for TTL, uses and revocation.
// Knows nothing of HTTP. Times inside a JWT are seconds, everything else milliseconds.
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { ApiFailure } from './errors.ts';
import { isRecord } from './fields.ts';
import { requireTrusted } from './addresses.ts';
import type { Traits } from './generations.ts';
import type { Clock, Identity } from './model.ts';
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
  readonly #traits: Traits;
  readonly #now: Clock;
  readonly #key = randomBytes(32);
  readonly #records = new Map<string, TokenRecord>();

  constructor(state: DoubleState, traits: Traits, now: Clock) {
    this.#state = state;
    this.#traits = traits;
    this.#now = now;
  }

  issue(identity: Identity): TokenAnswer {
    const id = randomUUID();
    const now = this.#now();
    this.#records.set(id, { identity, createdAt: now, renewedAt: now, uses: 0, revoked: false });
    return answer(identity, this.#sign(id, identity, identity.accessTokenTtl), identity.accessTokenTtl);
  }

  /** Every authenticated call passes here and costs one use. `address`: where it comes from. */
  use(token: string, address: string | undefined): Identity {
    const { id, record } = this.#verify(token);
    requireTrusted(record.identity.trusted.token, address, this.#traits);
    this.#requireUses(id, record);
    this.#checkStoredTtl(id, record);
    record.uses += 1;
    return record.identity;
  }

  renew(token: string): TokenAnswer {
    const { id, record } = this.#verify(token);
    const { identity } = record;
    this.#requireUses(id, record);
    this.#checkStoredTtl(id, record);
    const left = this.#secondsLeft(record);
    const { tokens } = this.#traits;
    if (tokens !== '2026') {
      // It refuses, and forgets, a token whose renewal would pass the ceiling instead of shortening it. 2025: read in the source of June 2025.
      if (identity.accessTokenTtl > left) {
        this.#records.delete(id);
        const late = tokens === '2024' || left <= 0;
        const why = late ? 'due to Max TTL expiration' : 'past its Max TTL expiration';
        throw new ApiFailure('unauthorized', `Failed to renew MI access token ${why}`);
      }
      record.renewedAt = this.#now();
      const renewed = tokens === '2024' ? token : this.#sign(id, identity, identity.accessTokenTtl);
      return answer(identity, renewed, identity.accessTokenTtl);
    }
    if (left <= 0) throw new ApiFailure('unauthorized', 'Access token has exceeded its max age');
    const ttl = Math.min(identity.accessTokenTtl > 0 ? identity.accessTokenTtl : NINETY_DAYS, left, NINETY_DAYS);
    record.renewedAt = this.#now();
    return answer(identity, this.#sign(id, identity, ttl), ttl);
  }

  revoke(token: string): void {
    const { id, record } = this.#verify(token);
    if (this.#traits.tokens === '2024') this.#checkStoredTtl(id, record);
    record.revoked = true;
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
    return { id: claims.id, record };
  }

  /** On the 2024 server the JWT's exp is the ceiling, and the TTL is a matter of the database; in June 2025 it is both. */
  #checkStoredTtl(id: string, record: TokenRecord): void {
    const ttl = record.identity.accessTokenTtl;
    if (this.#traits.tokens === '2026' || ttl === 0 || this.#now() < record.renewedAt + ttl * 1000) return;
    this.#records.delete(id);
    throw new ApiFailure('unauthorized', 'Failed to renew MI access token due to TTL expiration');
  }

  #secondsLeft(record: TokenRecord): number {
    const ceiling = record.identity.accessTokenMaxTtl;
    if (ceiling === 0) return Number.POSITIVE_INFINITY;
    return Math.floor((record.createdAt + ceiling * 1000 - this.#now()) / 1000);
  }

  #requireUses(id: string, record: TokenRecord): void {
    const limit = record.identity.accessTokenUsesLimit;
    if (limit === 0 || record.uses < limit) return;
    if (this.#traits.tokens === '2024') {
      throw new ApiFailure('bad-request', 'Unable to renew because access token usage limit reached');
    }
    // Seen on June 2025 (row 33), which then forgets the token.
    if (this.#traits.tokens === '2025') this.#records.delete(id);
    throw new ApiFailure('unauthorized', 'Unable to renew because access token number of uses limit reached');
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
    const { tokens } = this.#traits;
    if (tokens === '2024') return identity.accessTokenMaxTtl === 0 ? undefined : identity.accessTokenMaxTtl;
    if (tokens === '2025') return ttl === 0 ? undefined : ttl;
    return Math.min(ttl > 0 ? ttl : NINETY_DAYS, NINETY_DAYS);
  }

  #signature(head: string): string {
    return createHmac('sha256', this.#key).update(head).digest('base64url');
  }

  #claims(token: string): { readonly id: string; readonly exp: number | undefined } {
    const [header, payload, signature, ...more] = token.split('.');
    // Seen on June 2025 (row 27): whatever stands where a token should is read as one.
    if (token === '') throw new ApiFailure('token', 'jwt must be provided');
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
