// The server's limiter: fixed windows of 60 s, one counter for each route (method and pattern), however its limit is called. Off unless a
// knob sets a number, as it is on servers of one's own. Seen on June 2025 (row 12); July 2024: inferred.
import { ApiFailure } from './errors.ts';
import type { Clock } from './model.ts';

/** Which of the numbers of a plan holds for a route. */
export type RateClass = 'read' | 'write' | 'secrets';

/** Requests per minute and route. `total` is no limit of Infisical: a gateway before it, which counts everything together. */
export type RateLimits = Readonly<Partial<Record<RateClass | 'total', number | undefined>>>;

/** Of the plan that a server starts with: seen on June 2025. Logins are writes. */
export const PLAN_LIMITS: RateLimits = { secrets: 40, read: 60, write: 200 };

const WINDOW_MS = 60_000;

/** How far a counter is; every limited answer carries it in its headers. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  readonly seconds: number;
}

export class RateLimited extends ApiFailure {
  readonly state: RateState;

  constructor(state: RateState) {
    super('rate-limit', `Rate limit exceeded. Please try again in ${String(state.seconds)} seconds`);
    this.state = state;
  }
}

export class RateLimiter {
  readonly #now: Clock;
  readonly #windows = new Map<string, { readonly since: number; used: number }>();

  constructor(now: Clock) {
    this.#now = now;
  }

  /** undefined where nothing is limited. */
  take(route: string, rateClass: RateClass, limits: RateLimits): RateState | undefined {
    const total = this.#takeOne('total', limits.total);
    return this.#takeOne(route, limits[rateClass]) ?? total;
  }

  /** Forgets what was used; for knobs that change in the middle of a test. */
  clear(): void {
    this.#windows.clear();
  }

  #takeOne(name: string, limit: number | undefined): RateState | undefined {
    if (limit === undefined) return undefined;
    const now = this.#now();
    const known = this.#windows.get(name);
    const window = known === undefined || now - known.since >= WINDOW_MS ? { since: now, used: 0 } : known;
    this.#windows.set(name, window);
    window.used += 1;
    const seconds = Math.max(1, Math.ceil((window.since + WINDOW_MS - now) / 1000));
    const state = { limit, remaining: Math.max(0, limit - window.used), seconds };
    if (window.used > limit) throw new RateLimited(state);
    return state;
  }
}
