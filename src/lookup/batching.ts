// From a mapping to a value at the provider, with as few calls as possible: Podman asks for the secrets of a start one after
// another, under a host-wide lock, and providers limit requests per minute.

import { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { isOlder, momentOf, type Fetched, type Moment } from '../core/fetched.ts';
import { mappingKey, placeKey, type Mapping } from '../core/mapping.ts';
import { printable } from '../core/naming.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { SecretSource } from '../provider/secret-source.ts';

export type BatchedReaderDeps = {
  readonly source: SecretSource;
  readonly clock: Clock;
  /** How many registered mappings share this mapping's place. */
  readonly countBeside: (mapping: Mapping) => number;
};

export type BatchedReaderOptions = {
  /** How long a listing is handed out freely; 0: one call per lookup. */
  readonly batchWindowMs: number;
};

/** `live`: the listing was made for this start, as far as that can be told: the batch window is not over. */
export type Held = { readonly fetched: Fetched; readonly live: boolean };

// A key that nobody has taken yet belongs to a start still under way: Podman asks for each key once per start, and while 50
// workloads with 20 secrets boot together, its lock spreads one start's lookups over a minute (seen: 53 s, median). So after the
// window each key may be handed out once more, as long as the listing is being taken from.
const IDLE_WINDOWS = 15;

// A start that takes longer than this has other troubles, and a value may not be older than this when a container gets it.
const LONGEST_HOLD_MS = 5 * 60_000;

// Long enough that a boot storm asks in vain once, short enough that a permission granted meanwhile is noticed.
const REMEMBER_REFUSED_LISTING_MS = 5 * 60_000;

type Listing = {
  readonly moment: Moment & { readonly tick: number };
  readonly values: ReadonlyMap<string, Fetched | undefined>;
  readonly taken: Set<string>;
  lastTaken: number;
};

export class BatchedReader {
  readonly #deps: BatchedReaderDeps;
  readonly #options: BatchedReaderOptions;
  readonly #listings = new Map<string, Listing>();
  readonly #lists = new SingleFlight<string, Listing>();
  readonly #gets = new SingleFlight<string, Fetched>();
  readonly #listingRefusedUntil = new Map<string, number>();
  readonly #closed = new AbortController();
  readonly #missing = new Map<string, { readonly until: number; readonly error: PsiError }>();

  constructor(deps: BatchedReaderDeps, options: BatchedReaderOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Drops what is held, and lets the process end: a pending drop would keep it alive. */
  close(): void {
    this.#closed.abort();
    this.#listings.clear();
  }

  /**
   * From a listing that is held, without asking anybody; undefined if there is none that came after `known` and within `maxAgeMs`. Fails as
   * the listing says: no such secret, a hidden value.
   */
  held(mapping: Mapping, known: Moment | undefined, maxAgeMs = Infinity): Held | undefined {
    if (this.#options.batchWindowMs === 0) return undefined;
    const listing = this.#usable(placeKey(mapping), mapping.key);
    const now = this.#now();
    if (!listing || now - listing.moment.tick > maxAgeMs) return undefined;
    // What it does not hold may have come since, too.
    if (known && isOlder(listing.moment, known)) return undefined;
    return { fetched: take(listing, mapping, now), live: now - listing.moment.tick <= this.#options.batchWindowMs };
  }

  /** From the provider, before the monotonic moment `until`. Lookups that ask for the same at the same time share one call. */
  async read(mapping: Mapping, until: number): Promise<Fetched> {
    if (this.#options.batchWindowMs === 0) return this.#get(mapping, until);
    const place = placeKey(mapping);
    this.#throwIfMissing(place, mapping);
    if (this.#deps.countBeside(mapping) < 2 || this.#listingRefused(place)) {
      return this.#getRememberingMissing(mapping, until);
    }
    try {
      return take(await this.#list(place, mapping, until), mapping, this.#now());
    } catch (error) {
      if (error instanceof PsiError && error.code === 'PROVIDER_DENIED') {
        const fetched = await this.#getRememberingMissing(mapping, until);
        this.#listingRefusedUntil.set(place, this.#now() + REMEMBER_REFUSED_LISTING_MS);
        return fetched;
      }
      if (error instanceof PsiError && error.code === 'NOT_FOUND') this.#rememberMissing(place, error);
      throw error;
    }
  }

  #usable(place: string, key: string): Listing | undefined {
    const listing = this.#listings.get(place);
    if (!listing || this.#holdFor(listing) < 0) return undefined;
    if (this.#now() - listing.moment.tick <= this.#options.batchWindowMs) return listing;
    return listing.values.has(key) && !listing.taken.has(key) ? listing : undefined;
  }

  /** How much longer a listing may be held; negative: no longer. */
  #holdFor(listing: Listing): number {
    const idle = listing.lastTaken + this.#options.batchWindowMs * IDLE_WINDOWS;
    return Math.min(idle, listing.moment.tick + LONGEST_HOLD_MS) - this.#now();
  }

  #list(place: string, mapping: Mapping, until: number): Promise<Listing> {
    const what = `the listing of ${mapping.project}:${mapping.path}`;
    return this.#lists.run(place, () =>
      this.#bounded(what, until, async (signal) => {
        const secrets = await this.#deps.source.list(
          { project: mapping.project, path: mapping.path },
          { recursive: false, values: true, signal },
        );
        const values = new Map(secrets.map(({ key, fetched }) => [key, fetched]));
        const moment = momentOf(this.#deps.clock);
        const listing: Listing = { moment, values, taken: new Set(), lastTaken: moment.tick };
        // A place that has a listing has somebody who drops it.
        if (!this.#listings.has(place)) void this.#dropWhenIdle(place);
        this.#listings.set(place, listing);
        return listing;
      }),
    );
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

  async #getRememberingMissing(mapping: Mapping, until: number): Promise<Fetched> {
    try {
      return await this.#get(mapping, until);
    } catch (error) {
      if (error instanceof PsiError && error.code === 'NOT_FOUND') this.#rememberMissing(mappingKey(mapping), error);
      throw error;
    }
  }

  #get(mapping: Mapping, until: number): Promise<Fetched> {
    const { project, path, key } = mapping;
    return this.#gets.run(mappingKey(mapping), () =>
      this.#bounded(`the lookup of ${printable(key)}`, until, (signal) =>
        this.#deps.source.get({ project, path, key }, signal),
      ),
    );
  }

  // The one place where a lookup's bound is laid: round the call, by whoever makes it. Who joins it later waits no longer than that, which is
  // before their own time is up.
  #bounded<T>(what: string, until: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#deps.clock, { ms: Math.max(0, until - this.#now()), what }, call);
  }

  #listingRefused(place: string): boolean {
    return (this.#listingRefusedUntil.get(place) ?? 0) > this.#now();
  }

  // "No such secret" is authoritative: a container that restarts in a loop must not cost a call each time.
  #rememberMissing(key: string, error: PsiError): void {
    this.#missing.set(key, { until: this.#now() + this.#options.batchWindowMs, error });
  }

  #throwIfMissing(place: string, mapping: Mapping): void {
    for (const key of [place, mappingKey(mapping)]) {
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

function take(listing: Listing, mapping: Mapping, now: number): Fetched {
  if (!listing.values.has(mapping.key)) {
    throw new PsiError(
      'NOT_FOUND',
      `${mapping.provider} has no secret ${mapping.key} in ${mapping.project}:${mapping.path}`,
      {
        hint: 'create it there or allow the identity to see it, then run `podman exec psi psi setup`',
      },
    );
  }
  const fetched = listing.values.get(mapping.key);
  if (!fetched) {
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
  return fetched;
}
