// The values in memory, by mapping, and how old they may be. No file, no provider.

import type { CacheEntry } from './bundle.ts';
import { mappingKey, type Mapping } from '../core/mapping.ts';
import type { Clock } from '../core/clock.ts';
import { ageOf, isOlder, type Fetched } from '../core/fetched.ts';

/** `ageMs`: undefined where the age is not known. `fresh`: not past `max_age`, which an unknown age is. */
export type Found = { readonly fetched: Fetched; readonly ageMs: number | undefined; readonly fresh: boolean };

export class CacheEntries {
  readonly #clock: Clock;
  readonly #maxAgeMs: number | undefined;
  readonly #byKey = new Map<string, CacheEntry>();
  // When a value was taken out: an answer of before, or the file, must not bring it back. No larger than what was ever registered.
  readonly #dropped = new Map<string, number>();
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
    return this.#byKey.has(mappingKey(mapping));
  }

  find(mapping: Mapping): Found | undefined {
    const fetched = this.#byKey.get(mappingKey(mapping));
    if (!fetched) return undefined;
    const ageMs = ageOf(fetched, this.#clock);
    return { fetched, ageMs, fresh: this.#isFresh(ageMs) };
  }

  /** False: nothing new. What is known came later or is this very answer, or it was taken out since. */
  put(mapping: Mapping, fetched: Fetched): boolean {
    const key = mappingKey(mapping);
    const known = this.#byKey.get(key);
    const droppedAt = this.#dropped.get(key);
    if (known && (isOlder(fetched, known) || fetched.value === known.value)) return false;
    if (droppedAt !== undefined && (fetched.tick === undefined || fetched.tick < droppedAt)) return false;
    this.#dropped.delete(key);
    this.#byKey.set(key, { mapping, ...fetched });
    return true;
  }

  /** Answers how many of them there were. */
  drop(mappings: Iterable<Mapping>): number {
    let count = 0;
    for (const mapping of mappings) {
      const key = mappingKey(mapping);
      this.#dropped.set(key, this.#clock.monotonic());
      if (this.#byKey.delete(key)) count += 1;
    }
    return count;
  }

  /** Drops all but these; answers how many that were. */
  retain(mappings: Iterable<Mapping>): number {
    const wanted = new Set(Array.from(mappings, mappingKey));
    if (!this.#opened) this.#wanted = wanted;
    const before = this.#byKey.size;
    for (const key of this.#byKey.keys()) if (!wanted.has(key)) this.#byKey.delete(key);
    return before - this.#byKey.size;
  }

  /** Entries of a file: what memory learned or dropped since the start is newer. */
  merge(entries: readonly CacheEntry[]): void {
    for (const entry of entries) {
      const wanted = this.#wanted?.has(mappingKey(entry.mapping)) ?? true;
      if (wanted) this.put(entry.mapping, entry);
    }
    this.opened();
  }

  /** From here on memory knows all that the file holds. */
  opened(): void {
    this.#opened = true;
    this.#wanted = undefined;
  }

  /** `oldestMs`: of the known ages. */
  ages(): { readonly oldestMs: number | undefined; readonly expired: number; readonly unknown: number } {
    let oldestMs: number | undefined;
    let expired = 0;
    let unknown = 0;
    for (const entry of this.#byKey.values()) {
      const age = ageOf(entry, this.#clock);
      if (age === undefined) unknown += 1;
      else oldestMs = Math.max(oldestMs ?? 0, age);
      if (!this.#isFresh(age)) expired += 1;
    }
    return { oldestMs, expired, unknown };
  }

  #isFresh(ageMs: number | undefined): boolean {
    return this.#maxAgeMs === undefined || (ageMs !== undefined && ageMs <= this.#maxAgeMs);
  }
}
