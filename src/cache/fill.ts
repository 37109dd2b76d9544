// What a run over all sources hands to the cache: the values it has listed anyway, and what is to stay in it. Asks nobody.

import { cacheKey } from './bundle.ts';
import { toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { Fetched } from '../core/fetched.ts';
import type { RefillReport, SecretCache } from './cache.ts';

export type CacheSink = Pick<SecretCache, 'refill'>;

/** How the cache came out of a run; plain data. */
export type CacheOutcome =
  | ({ readonly saved: true } & Omit<RefillReport, 'saved'>)
  /** In memory all the same. */
  | { readonly saved: false; readonly entries: number | null; readonly reason: string; readonly hint: string | null };

export type ListedValue = { readonly mapping: Mapping; readonly fetched: Fetched };

export class CacheFill {
  readonly #listed: ListedValue[] = [];
  readonly #wanted = new Map<string, readonly Mapping[]>();
  readonly #unknown = new Set<string>();

  /** What stays if nothing new comes to be known of a workload, because it cannot be listed. */
  expect(workload: string, known: readonly Mapping[]): void {
    this.#wanted.set(workload, known);
    this.#unknown.add(workload);
  }

  /** What a workload names now, and the values that came with it: one that is hidden, or listed by name only, stays as it is cached. */
  add(workload: string, wanted: readonly Mapping[], listed: readonly ListedValue[]): void {
    const keys = new Set(wanted.map(cacheKey));
    this.#wanted.set(workload, wanted);
    this.#unknown.delete(workload);
    this.#listed.push(...listed.filter(({ mapping }) => keys.has(cacheKey(mapping))));
  }

  /** `whole`: the run was about all workloads, so what none of them names is dropped. Never rejects: lookups do without the file. */
  async pour(cache: CacheSink, whole: boolean): Promise<CacheOutcome> {
    if (this.#unknown.size > 0 && this.#listed.length === 0) {
      return { saved: false, entries: null, reason: 'nothing could be listed, so it was left as it is', hint: null };
    }
    try {
      const { saved, ...report } = await cache.refill({
        listed: this.#listed,
        wanted: whole ? [...this.#wanted.values()].flat() : undefined,
      });
      if (saved) return { saved, ...report };
      return {
        saved,
        entries: report.entries,
        reason: 'the file cannot be opened and may hold more than this run knows, so it was left as it is',
        hint: 'see `podman exec psi psi cache status`',
      };
    } catch (thrown) {
      const { message, hint } = toPsiError(thrown);
      return { saved: false, entries: null, reason: message, hint: hint ?? null };
    }
  }
}
