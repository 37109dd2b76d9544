// From a mapping to a value at the provider, with as few calls as possible: Podman asks for the secrets of a start one after
// another, under a host-wide lock, and providers limit requests per minute.

import { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { isOlder, momentOf, type Fetched, type Moment } from '../core/fetched.ts';
import { mappingKey, placeKey, type Mapping } from '../core/mapping.ts';
import { printable } from '../core/naming.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { ListedSecret, Origin, SecretReads } from '../provider/secret-source.ts';

export type BatchedReaderDeps = {
  readonly source: SecretReads;
  readonly clock: Clock;
  /** How many registered mappings share this mapping's place. */
  readonly countBeside: (mapping: Mapping) => number;
  /** What is known of a secret from before, in the cache for one. */
  readonly known: (mapping: Mapping) => Fetched | undefined;
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
  readonly secrets: Map<string, ListedSecret>;
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
   * From a listing that is held, without asking anybody; undefined if there is none that came after `known` and within `maxAgeMs`, and settles
   * the question. Fails where the listing says that the value is hidden.
   */
  held(mapping: Mapping, known: Moment | undefined, maxAgeMs = Infinity): Held | undefined {
    if (this.#options.batchWindowMs === 0) return undefined;
    const listing = this.#usable(placeKey(mapping), mapping.key);
    const now = this.#now();
    if (!listing || now - listing.moment.tick > maxAgeMs) return undefined;
    // What it does not hold may have come since, too.
    if (known && isOlder(listing.moment, known)) return undefined;
    const fetched = take(listing, mapping, now);
    return fetched && { fetched, live: now - listing.moment.tick <= this.#options.batchWindowMs };
  }

  /** From the provider, before the monotonic moment `until`. Lookups that ask for the same at the same time share one call. */
  async read(mapping: Mapping, until: number): Promise<Fetched> {
    if (this.#options.batchWindowMs === 0) return this.#get(mapping, until);
    const place = placeKey(mapping);
    this.#throwIfMissing(place, mapping);
    if (this.#deps.countBeside(mapping) < 2 || this.#listingRefused(place)) {
      return this.#getRememberingMissing(mapping, until);
    }
    const held = this.#usable(place, mapping.key);
    if (held && leavesOpen(held, mapping)) return this.#getInto(held, mapping, until);
    let listing: Listing;
    try {
      listing = await this.#list(place, mapping, until);
    } catch (error) {
      if (error instanceof PsiError && error.code === 'ANSWER_TOO_LARGE') {
        // What was too large by itself will be so again, and each try would fill the memory.
        if (error.retry === 'no') this.#listingRefusedUntil.set(place, this.#now() + REMEMBER_REFUSED_LISTING_MS);
        return this.#getRememberingMissing(mapping, until);
      }
      if (error instanceof PsiError && error.code === 'PROVIDER_DENIED') {
        const fetched = await this.#getRememberingMissing(mapping, until);
        this.#listingRefusedUntil.set(place, this.#now() + REMEMBER_REFUSED_LISTING_MS);
        return fetched;
      }
      if (error instanceof PsiError && error.code === 'PLACE_NOT_FOUND') this.#rememberMissing(place, error);
      throw error;
    }
    return take(listing, mapping, this.#now()) ?? this.#getInto(listing, mapping, until);
  }

  /** What a listing leaves open: a key that it does not hold may be hidden, and a text may be a reference. */
  async #getInto(listing: Listing, mapping: Mapping, until: number): Promise<Fetched> {
    const { key, path } = mapping;
    const from = listing.secrets.get(key)?.from;
    const fetched = await this.#getRememberingMissing(mapping, until, from);
    listing.secrets.set(key, { key, path, fetched });
    listing.taken.add(key);
    return fetched;
  }

  #usable(place: string, key: string): Listing | undefined {
    const listing = this.#listings.get(place);
    if (!listing || this.#holdFor(listing) < 0) return undefined;
    if (this.#now() - listing.moment.tick <= this.#options.batchWindowMs) return listing;
    return listing.secrets.has(key) && !listing.taken.has(key) ? listing : undefined;
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
        const { provider, project, path } = mapping;
        const known = (key: string): Fetched | undefined => this.#deps.known({ provider, project, path, key });
        const listed = await this.#deps.source.list(
          { project, path },
          { recursive: false, values: true, known, signal },
        );
        const secrets = new Map(listed.map((secret) => [secret.key, secret]));
        const moment = momentOf(this.#deps.clock);
        const listing: Listing = { moment, secrets, taken: new Set(), lastTaken: moment.tick };
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

  async #getRememberingMissing(mapping: Mapping, until: number, from?: Origin): Promise<Fetched> {
    try {
      return await this.#get(mapping, until, from);
    } catch (error) {
      const missing = error instanceof PsiError && (error.code === 'NOT_FOUND' || error.code === 'PLACE_NOT_FOUND');
      if (missing) this.#rememberMissing(mappingKey(mapping), error);
      throw error;
    }
  }

  #get(mapping: Mapping, until: number, from?: Origin): Promise<Fetched> {
    const { project, path, key } = mapping;
    return this.#gets.run(mappingKey(mapping), () =>
      this.#bounded(`the lookup of ${printable(key)}`, until, (signal) =>
        this.#deps.source.get({ project, path, key, ...(from && { from }) }, signal),
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

  // "No such secret" holds for a moment: a container that restarts in a loop must not cost a call each time.
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

/** Only a single read tells: the key may be hidden or gone, its text a reference. */
function leavesOpen({ secrets }: Listing, { key }: Mapping): boolean {
  const secret = secrets.get(key);
  return secret === undefined || (secret.unsettled === true && secret.fetched === undefined);
}

/** undefined: the listing leaves it open. */
function take(listing: Listing, mapping: Mapping, now: number): Fetched | undefined {
  if (leavesOpen(listing, mapping)) return undefined;
  const fetched = listing.secrets.get(mapping.key)?.fetched;
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
