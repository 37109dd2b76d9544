// The server's limiter: fixed windows of 60 s per class, plus one over all classes. Off unless a knob sets a number.
import { ApiFailure } from './errors.ts';
import type { Clock } from './model.ts';

export type RateClass = 'read' | 'write' | 'secrets';

/** Requests per minute; `total` counts the classes together. */
export type RateLimits = Readonly<Partial<Record<RateClass | 'total', number | undefined>>>;

const WINDOW_MS = 60_000;

export class RateLimited extends ApiFailure {
  readonly limit: number;
  readonly seconds: number;

  constructor(limit: number, seconds: number) {
    super('rate-limit', `Rate limit exceeded. Please try again in ${String(seconds)} seconds`);
    this.limit = limit;
    this.seconds = seconds;
  }
}

export class RateLimiter {
  readonly #now: Clock;
  readonly #windows = new Map<string, { readonly since: number; used: number }>();

  constructor(now: Clock) {
    this.#now = now;
  }

  take(rateClass: RateClass, limits: RateLimits): void {
    for (const name of ['total', rateClass] as const) {
      const limit = limits[name];
      if (limit !== undefined) this.#takeOne(name, limit);
    }
  }

  /** Forgets what was used; for knobs that change in the middle of a test. */
  clear(): void {
    this.#windows.clear();
  }

  #takeOne(name: string, limit: number): void {
    const now = this.#now();
    const known = this.#windows.get(name);
    const window = known === undefined || now - known.since >= WINDOW_MS ? { since: now, used: 0 } : known;
    this.#windows.set(name, window);
    window.used += 1;
    if (window.used <= limit) return;
    throw new RateLimited(limit, Math.max(1, Math.ceil((window.since + WINDOW_MS - now) / 1000)));
  }
}
