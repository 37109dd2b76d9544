// From a mapping to a value at the provider, with as few calls as possible: Podman asks for the secrets of a start one after
// another, under a host-wide lock, and providers limit requests per minute.

import { PsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import { withDeadline } from './deadline.ts';
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
// workloads boot together one start's lookups are spread over many seconds. It may be handed out once more after the window.
const FIRST_HAND_OUT_WINDOWS = 15;

// Long enough that a boot storm asks in vain once, short enough that a permission granted meanwhile is noticed.
const REMEMBER_REFUSED_LISTING_MS = 5 * 60_000;

type Listing = {
  readonly at: number;
  readonly values: ReadonlyMap<string, SecretValue | undefined>;
  readonly taken: Set<string>;
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
    if (listing) return take(listing, mapping);
    this.#throwIfMissing(place, mapping);
    if (this.#deps.countBeside(mapping) < 2 || this.#listingRefused(place)) return this.#getRememberingMissing(mapping);
    try {
      return take(await this.#list(place, mapping), mapping);
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
    if (!listing) return undefined;
    const age = this.#now() - listing.at;
    const window = this.#options.batchWindowMs;
    if (age <= window) return listing;
    if (age <= window * FIRST_HAND_OUT_WINDOWS) {
      return listing.values.has(key) && !listing.taken.has(key) ? listing : undefined;
    }
    this.#listings.delete(place);
    return undefined;
  }

  #list(place: string, mapping: Mapping): Promise<Listing> {
    return this.#once(place, async (signal) => {
      const secrets = await this.#deps.source.list(
        { project: mapping.project, path: mapping.path },
        { recursive: false, values: true, signal },
      );
      const values = new Map(secrets.map((secret) => [secret.key, secret.value]));
      const listing: Listing = { at: this.#now(), values, taken: new Set() };
      this.#listings.set(place, listing);
      this.#dropWhenOld(place, listing);
      return listing;
    });
  }

  // Values must not stay in memory because nobody asks again.
  #dropWhenOld(place: string, listing: Listing): void {
    const life = this.#options.batchWindowMs * FIRST_HAND_OUT_WINDOWS;
    const drop = (): void => {
      if (this.#listings.get(place) === listing) this.#listings.delete(place);
    };
    this.#deps.clock.sleep(life, this.#closed.signal).then(drop, drop);
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

function take(listing: Listing, mapping: Mapping): SecretValue {
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
  return value;
}

function keyOf(mapping: Mapping): string {
  return JSON.stringify([mapping.provider, mapping.project, mapping.path, mapping.key]);
}
