// The values in memory, by mapping, and how old they may be. No file, no provider.

import { cacheKey, type CacheEntry } from './bundle.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Clock } from '../core/clock.ts';

export type Found = { readonly value: SecretValue; readonly ageMs: number; readonly fresh: boolean };

/** Clocks of hosts and their corrections differ by less. */
const CLOCK_SLACK_MS = 5 * 60_000;

export class CacheEntries {
  readonly #clock: Clock;
  readonly #maxAgeMs: number | undefined;
  readonly #byKey = new Map<string, CacheEntry>();
  // What was taken out before the file was opened: it may still hold it.
  readonly #dropped = new Set<string>();
  #wanted: ReadonlySet<string> | undefined;
  #opened = false;

  constructor(deps: { readonly clock: Clock }, options: { readonly maxAgeMs: number | undefined }) {
    this.#clock = deps.clock;
    this.#maxAgeMs = options.maxAgeMs;
  }

  get size(): number {
    return this.#byKey.size;
  }

  all(): readonly CacheEntry[] {
    return [...this.#byKey.values()];
  }

  has(mapping: Mapping): boolean {
    return this.#byKey.has(cacheKey(mapping));
  }

  find(mapping: Mapping): Found | undefined {
    const entry = this.#byKey.get(cacheKey(mapping));
    return entry && { value: entry.value, ageMs: Math.max(0, this.#ageOf(entry)), fresh: this.#isFresh(entry) };
  }

  put(mapping: Mapping, value: SecretValue): void {
    const key = cacheKey(mapping);
    this.#dropped.delete(key);
    this.#byKey.set(key, { mapping, value, fetchedAt: Math.round(this.#clock.now()) });
  }

  /** Answers how many of them there were. */
  drop(mappings: Iterable<Mapping>): number {
    let count = 0;
    for (const mapping of mappings) {
      const key = cacheKey(mapping);
      if (!this.#opened) this.#dropped.add(key);
      if (this.#byKey.delete(key)) count += 1;
    }
    return count;
  }

  /** Drops all but these; answers how many that were. */
  retain(mappings: Iterable<Mapping>): number {
    const wanted = new Set(Array.from(mappings, cacheKey));
    if (!this.#opened) this.#wanted = wanted;
    const before = this.#byKey.size;
    for (const key of this.#byKey.keys()) if (!wanted.has(key)) this.#byKey.delete(key);
    return before - this.#byKey.size;
  }

  /** Entries of a file: what memory learned or dropped since the start is newer. */
  merge(entries: readonly CacheEntry[]): void {
    for (const entry of entries) {
      const key = cacheKey(entry.mapping);
      if (this.#byKey.has(key) || this.#dropped.has(key) || this.#wanted?.has(key) === false) continue;
      this.#byKey.set(key, entry);
    }
    this.opened();
  }

  /** From here on memory knows all that the file holds. */
  opened(): void {
    this.#opened = true;
    this.#dropped.clear();
    this.#wanted = undefined;
  }

  ages(): { readonly oldestMs: number | undefined; readonly expired: number } {
    let oldestMs: number | undefined;
    let expired = 0;
    for (const entry of this.#byKey.values()) {
      oldestMs = Math.max(oldestMs ?? 0, this.#ageOf(entry));
      if (!this.#isFresh(entry)) expired += 1;
    }
    return { oldestMs, expired };
  }

  #ageOf(entry: CacheEntry): number {
    return this.#clock.now() - entry.fetchedAt;
  }

  // From the future: the clock was set back (a board without a battery starts in 1970), so the age is not known.
  #isFresh(entry: CacheEntry): boolean {
    if (this.#maxAgeMs === undefined) return true;
    const age = this.#ageOf(entry);
    return age <= this.#maxAgeMs && age >= -CLOCK_SLACK_MS;
  }
}
