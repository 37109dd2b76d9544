// Universal-auth credentials: checks a client secret, counts its uses and locks a client id out after failures.
// A spent or expired client secret is dead for good, as on the server: a later right login does not revive it.
import { ApiFailure } from './errors.ts';
import { requireTrusted } from './addresses.ts';
import type { Traits } from './generations.ts';
import type { Clock, Identity } from './model.ts';
import type { DoubleState } from './state.ts';

interface SecretUse {
  uses: number;
  revoked: boolean;
  failures: number;
  lastFailureAt: number;
  lockedUntil: number;
}

export class Credentials {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #now: Clock;
  readonly #records = new Map<string, SecretUse>();

  constructor(state: DoubleState, traits: Traits, now: Clock) {
    this.#state = state;
    this.#traits = traits;
    this.#now = now;
  }

  check(clientId: string, clientSecret: string, address: string | undefined): Identity {
    const identity = this.#state.identities.get(clientId);
    if (identity === undefined) throw this.#unknownClient();
    requireTrusted(identity.trusted.login, address, this.#traits);
    const record = this.#recordOf(identity);
    this.#refuseWhenLocked(record);
    if (record.revoked || identity.clientSecret !== clientSecret) {
      this.#countFailure(identity, record);
      throw invalidCredentials();
    }
    this.#refuseWhenSpent(identity, record);
    record.failures = 0;
    record.uses += 1;
    return identity;
  }

  #unknownClient(): ApiFailure {
    if (this.#traits.unknownClient === 'invalid credentials') return invalidCredentials();
    // Seen on June 2025 (row 13).
    return new ApiFailure('not-found', 'No identity with specified client ID was found');
  }

  #recordOf(identity: Identity): SecretUse {
    const known = this.#records.get(identity.id);
    if (known !== undefined) return known;
    const made = { uses: 0, revoked: false, failures: 0, lastFailureAt: 0, lockedUntil: 0 };
    this.#records.set(identity.id, made);
    return made;
  }

  #refuseWhenLocked(record: SecretUse): void {
    if (this.#now() >= record.lockedUntil) return;
    throw new ApiFailure(
      'unauthorized',
      'This identity auth method is temporarily locked, please try again later or contact an administrator',
    );
  }

  #countFailure(identity: Identity, record: SecretUse): void {
    if (!identity.lockout.enabled || !this.#traits.lockout) return;
    const now = this.#now();
    const forgotten = now - record.lastFailureAt > identity.lockout.counterResetSeconds * 1000;
    record.failures = forgotten ? 1 : record.failures + 1;
    record.lastFailureAt = now;
    if (record.failures < identity.lockout.threshold) return;
    record.lockedUntil = now + identity.lockout.durationSeconds * 1000;
    record.failures = 0;
  }

  #refuseWhenSpent(identity: Identity, record: SecretUse): void {
    const { clientSecretTtl, clientSecretUsesLimit, createdAt } = identity;
    const expired = clientSecretTtl > 0 && this.#now() >= createdAt + clientSecretTtl * 1000;
    const spent = clientSecretUsesLimit > 0 && record.uses >= clientSecretUsesLimit;
    if (!expired && !spent) return;
    record.revoked = true;
    throw new ApiFailure(
      'unauthorized',
      expired ? 'Access denied due to expired client secret' : 'Access denied due to client secret usage limit reached',
    );
  }
}

function invalidCredentials(): ApiFailure {
  return new ApiFailure('unauthorized', 'Invalid credentials');
}
