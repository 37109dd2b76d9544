// From a mapping to a value at the provider, with as few calls as possible: Podman asks for the secrets of a start one after
// another, under a host-wide lock, and providers limit requests per minute.

import { PsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import { withDeadline } from '../core/deadline.ts';
import { placeKey } from './mapping-table.ts';

export type ResolveDeps = {
  readonly source: SecretSource;
  readonly clock: Clock;
  /** How many registered mappings share this mapping's place. */
  readonly countBeside: (mapping: Mapping) => number;
};

export type ResolveOptions = {
  /** Bound of one provider call. */
  readonly timeoutMs: number;
  /** How long a listing is handed out freely; 0: one call per lookup. */
  readonly batchWindowMs: number;
};

// A key that nobody has taken yet belongs to a start still under way: Podman asks for each key once per start, and while 50
// workloads with 20 secrets boot together, its lock spreads one start's lookups over a minute (seen: 53 s, median). So after the
// window each key may be handed out once more, as long as the listing is being taken from.
const IDLE_WINDOWS = 15;

// A start that takes longer than this has other troubles, and a value may not be older than this when a container gets it.
const LONGEST_HOLD_MS = 5 * 60_000;

// Long enough that a boot storm asks in vain once, short enough that a permission granted meanwhile is noticed.
const REMEMBER_REFUSED_LISTING_MS = 5 * 60_000;

type Listing = {
  readonly at: number;
  readonly values: ReadonlyMap<string, SecretValue | undefined>;
  readonly taken: Set<string>;
  lastTaken: number;
};

export class Resolver {
  readonly #deps: ResolveDeps;
  readonly #options: ResolveOptions;
  readonly #listings = new Map<string, Listing>();
  readonly #flights = new Map<string, Promise<unknown>>();
  readonly #listingRefusedUntil = new Map<string, number>();
  readonly #closed = new AbortController();
  readonly #missing = new Map<string, { readonly until: number; readonly error: PsiError }>();

  constructor(deps: ResolveDeps, options: ResolveOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Drops what is held, and lets the process end: a pending drop would keep it alive. */
  close(): void {
    this.#closed.abort();
    this.#listings.clear();
  }

  async resolve(mapping: Mapping): Promise<SecretValue> {
    if (this.#options.batchWindowMs === 0) return this.#get(mapping);
    const place = placeKey(mapping);
    const listing = this.#usable(place, mapping.key);
    if (listing) return take(listing, mapping, this.#now());
    this.#throwIfMissing(place, mapping);
    if (this.#deps.countBeside(mapping) < 2 || this.#listingRefused(place)) return this.#getRememberingMissing(mapping);
    try {
      return take(await this.#list(place, mapping), mapping, this.#now());
    } catch (error) {
      if (error instanceof PsiError && error.code === 'PROVIDER_DENIED') {
        const value = await this.#getRememberingMissing(mapping);
        this.#listingRefusedUntil.set(place, this.#now() + REMEMBER_REFUSED_LISTING_MS);
        return value;
      }
      if (error instanceof PsiError && error.code === 'NOT_FOUND') this.#rememberMissing(place, error);
      throw error;
    }
  }

  #usable(place: string, key: string): Listing | undefined {
    const listing = this.#listings.get(place);
    if (!listing || this.#holdFor(listing) < 0) return undefined;
    if (this.#now() - listing.at <= this.#options.batchWindowMs) return listing;
    return listing.values.has(key) && !listing.taken.has(key) ? listing : undefined;
  }

  /** How much longer a listing may be held; negative: no longer. */
  #holdFor(listing: Listing): number {
    const idle = listing.lastTaken + this.#options.batchWindowMs * IDLE_WINDOWS;
    return Math.min(idle, listing.at + LONGEST_HOLD_MS) - this.#now();
  }

  #list(place: string, mapping: Mapping): Promise<Listing> {
    return this.#once(place, async (signal) => {
      const secrets = await this.#deps.source.list(
        { project: mapping.project, path: mapping.path },
        { recursive: false, values: true, signal },
      );
      const values = new Map(secrets.map((secret) => [secret.key, secret.value]));
      const at = this.#now();
      const listing: Listing = { at, values, taken: new Set(), lastTaken: at };
      // A place that has a listing has somebody who drops it.
      if (!this.#listings.has(place)) void this.#dropWhenIdle(place);
      this.#listings.set(place, listing);
      return listing;
    });
  }

  // Values must not stay in memory because nobody asks again. Bound to the place and not to a listing: one that is replaced is free.
  async #dropWhenIdle(place: string): Promise<void> {
    let waitMs = this.#options.batchWindowMs * IDLE_WINDOWS;
    while (waitMs >= 0) {
      try {
        await this.#deps.clock.sleep(waitMs + 1, this.#closed.signal);
      } catch {
        // Closed: everything has been dropped.
        return;
      }
      const listing = this.#listings.get(place);
      waitMs = listing ? this.#holdFor(listing) : -1;
    }
    this.#listings.delete(place);
  }

  async #getRememberingMissing(mapping: Mapping): Promise<SecretValue> {
    try {
      return await this.#get(mapping);
    } catch (error) {
      if (error instanceof PsiError && error.code === 'NOT_FOUND') this.#rememberMissing(keyOf(mapping), error);
      throw error;
    }
  }

  #get(mapping: Mapping): Promise<SecretValue> {
    return this.#once(keyOf(mapping), (signal) =>
      this.#deps.source.get({ project: mapping.project, path: mapping.path, key: mapping.key }, signal),
    );
  }

  // Lookups that ask for the same at the same time share one call. It has its own deadline, so that the first asker's giving up
  // does not fail the others.
  #once<T>(key: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const running = this.#flights.get(key) as Promise<T> | undefined;
    if (running) return running;
    const deadline = { ms: this.#options.timeoutMs, what: 'the provider' };
    const flight = withDeadline(this.#deps.clock, deadline, call).finally(() => {
      this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }

  #listingRefused(place: string): boolean {
    return (this.#listingRefusedUntil.get(place) ?? 0) > this.#now();
  }

  // "No such secret" is authoritative: a container that restarts in a loop must not cost a call each time.
  #rememberMissing(key: string, error: PsiError): void {
    this.#missing.set(key, { until: this.#now() + this.#options.batchWindowMs, error });
  }

  #throwIfMissing(place: string, mapping: Mapping): void {
    for (const key of [place, keyOf(mapping)]) {
      const missing = this.#missing.get(key);
      if (!missing) continue;
      if (missing.until > this.#now()) throw missing.error;
      this.#missing.delete(key);
    }
  }

  #now(): number {
    return this.#deps.clock.monotonic();
  }
}

function take(listing: Listing, mapping: Mapping, now: number): SecretValue {
  if (!listing.values.has(mapping.key)) {
    throw new PsiError(
      'NOT_FOUND',
      `${mapping.provider} has no secret ${mapping.key} in ${mapping.project}:${mapping.path}`,
      {
        hint: 'create it there or allow the identity to see it, then run `podman exec psi psi setup`',
      },
    );
  }
  const value = listing.values.get(mapping.key);
  if (!value) {
    throw new PsiError(
      'VALUE_HIDDEN',
      `${mapping.provider} hides the value of ${mapping.key} in ${mapping.project}:${mapping.path}`,
      {
        hint: 'give the machine identity the right to read values of this path',
      },
    );
  }
  listing.taken.add(mapping.key);
  listing.lastTaken = now;
  return value;
}

function keyOf(mapping: Mapping): string {
  return JSON.stringify([mapping.provider, mapping.project, mapping.path, mapping.key]);
}
