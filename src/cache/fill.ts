// What a run over all sources hands to the cache: the values it has listed anyway, and what is to stay in it. Asks nobody.

import { cacheKey } from './bundle.ts';
import { toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SurveyedValue } from '../survey/survey.ts';
import type { RefillReport, SecretCache } from './cache.ts';

export type CacheSink = Pick<SecretCache, 'refill'>;

/** How the cache came out of a run; plain data. */
export type CacheOutcome =
  | ({ readonly saved: true } & Omit<RefillReport, 'saved'>)
  /** In memory all the same. */
  | { readonly saved: false; readonly entries: number | null; readonly reason: string; readonly hint: string | null };

/** What one workload of a run brings to the cache. */
export type Share =
  /** What it names now, and the values that came with it: one that is hidden, or listed by name only, stays as it is cached. */
  | { readonly kind: 'listed'; readonly wanted: readonly Mapping[]; readonly values: readonly SurveyedValue[] }
  /** Nothing new is known of it, because it could not be listed: what is known stays. */
  | { readonly kind: 'unlisted'; readonly wanted: readonly Mapping[] };

/** `whole`: the run was about all workloads, so what none of them names is dropped. Never rejects: lookups do without the file. */
export async function fillCache(cache: CacheSink, shares: readonly Share[], whole: boolean): Promise<CacheOutcome> {
  const listed = shares.flatMap(wantedValues);
  if (listed.length === 0 && shares.some(({ kind }) => kind === 'unlisted')) {
    return { saved: false, entries: null, reason: 'nothing could be listed, so it was left as it is', hint: null };
  }
  const wanted = whole ? shares.flatMap((share) => share.wanted) : undefined;
  try {
    const { saved, ...report } = await cache.refill({ listed, wanted });
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

// A later source of the same workload may have taken a name over: the value of the earlier one is not wanted then.
function wantedValues(share: Share): readonly SurveyedValue[] {
  if (share.kind === 'unlisted') return [];
  const keys = new Set(share.wanted.map(cacheKey));
  return share.values.filter(({ mapping }) => keys.has(cacheKey(mapping)));
}
