// The access token of one identity: obtained when first needed, by one login for all who wait, kept in memory and on disk. A refused
// login is not repeated for a while: three wrong ones lock the identity out, on every host that shares it.

import { createHash } from 'node:crypto';
import { PsiError } from '../../core/error.ts';
import { SingleFlight } from '../../core/single-flight.ts';
import type { Clock } from '../../core/clock.ts';
import type { StoredToken, TokenStore } from '../../provider/token-store.ts';
import type { Api } from './api.ts';
import type { Attempt, Login } from './auth/login.ts';
import { lateLogin } from './connection-errors.ts';
import { hasTag, tagOf } from './credential-tag.ts';
import { logIn } from './log-in.ts';
import { lifeMs, usableMs } from './token-life.ts';
import type { TokenKeeper } from './token-keeper.ts';

export type SessionDeps = {
  readonly api: Api;
  readonly apiUrl: string;
  readonly login: Login;
  readonly clock: Clock;
  readonly store: TokenStore;
  readonly ttlMs: number | undefined;
};

/** Longer than the 30 s in which the server by default counts failures towards a lockout. */
const REMEMBER_REFUSAL_MS = 60_000;

type Refused = { readonly until: number; readonly tag: string; readonly error: PsiError };

export class Session implements TokenKeeper {
  readonly #deps: SessionDeps;
  readonly #name: string;
  #current: StoredToken | undefined;
  readonly #logins = new SingleFlight<'token', string>();
  #refused: Refused | undefined;
  #discarded: string | undefined;
  /** Of the login under way, once its request is: what to say to those who cannot wait for it. */
  #lateRequest: (() => PsiError) | undefined;
  /** The last one obtained, until its very end: for when a new one cannot be had before. */
  #reserve: { readonly token: string; readonly endsAt: number } | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#name = sessionName(deps.apiUrl, deps.login);
  }

  /** Fails with the signal when it aborts; the login goes on. */
  async token(signal: AbortSignal): Promise<string> {
    if (this.#usable(this.#current)) return this.#current.token;
    const login = this.#logins.run('token', () => this.#obtain().catch((thrown: unknown) => this.#lastResort(thrown)));
    return await this.#orAborted(login, signal);
  }

  /** The server no longer takes this token. */
  discard(token: string): void {
    this.#discarded = token;
    if (this.#current?.token === token) this.#current = undefined;
  }

  async #obtain(): Promise<string> {
    const { login, clock, store } = this.#deps;
    const attempt = await login.prepare();
    const { anchor, tried = anchor } = attempt;
    const stored = await store.get(this.#name).catch(() => undefined);
    if (this.#usable(stored) && stored.token !== this.#discarded && hasTag(anchor, stored.secretTag)) {
      this.#current = stored;
      return stored.token;
    }
    const refused = this.#refused;
    if (refused && clock.monotonic() < refused.until && hasTag(tried, refused.tag)) throw refused.error;
    // Whatever is there is no longer good for anything; a file that cannot be removed only costs the next start a login.
    if (stored) await store.remove(this.#name).catch(() => undefined);
    const fresh = await this.#logIn(attempt);
    this.#current = fresh;
    this.#refused = undefined;
    // Without it the next start logs in again.
    await store.put(this.#name, fresh).catch(() => undefined);
    return fresh.token;
  }

  async #logIn(attempt: Attempt): Promise<StoredToken> {
    const { clock, ttlMs } = this.#deps;
    const { anchor, tried = anchor } = attempt;
    try {
      const follow = (late: () => PsiError): void => {
        this.#lateRequest = late;
      };
      const loggedIn = await logIn(attempt, { ...this.#deps, follow });
      const expiresAt = clock.now() + usableMs(loggedIn, ttlMs);
      this.#reserve = { token: loggedIn.accessToken, endsAt: clock.now() + lifeMs(loggedIn, ttlMs) };
      return { token: loggedIn.accessToken, expiresAt, secretTag: tagOf(anchor) };
    } catch (thrown) {
      if (thrown instanceof PsiError && thrown.code === 'PROVIDER_DENIED') {
        this.#refused = { until: clock.monotonic() + REMEMBER_REFUSAL_MS, tag: tagOf(tried), error: thrown };
      }
      throw thrown;
    } finally {
      this.#lateRequest = undefined;
    }
  }

  /** A server that cannot give a new token just now may still take the old one. */
  #lastResort(thrown: unknown): string {
    const reserve = this.#reserve;
    const mayPass = thrown instanceof PsiError && thrown.retry !== 'no';
    if (!mayPass || !reserve || reserve.token === this.#discarded) throw thrown;
    if (this.#deps.clock.now() >= reserve.endsAt) throw thrown;
    return reserve.token;
  }

  #usable(token: StoredToken | undefined): token is StoredToken {
    return token !== undefined && this.#deps.clock.now() < token.expiresAt;
  }

  #orAborted(flight: Promise<string>, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const reason: unknown = signal.reason;
        const late = lateLogin(this.#deps.api.where, this.#lateRequest?.());
        reject(reason instanceof PsiError && reason.code !== 'DEADLINE' ? reason : late);
      };
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      flight.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', abort);
      });
    });
  }
}

/** Names the token file; also tells which projects share a session. */
export function sessionName(apiUrl: string, { method, identity }: Login): string {
  return createHash('sha256')
    .update(JSON.stringify([method, apiUrl, ...identity]))
    .digest('hex')
    .slice(0, 12);
}
