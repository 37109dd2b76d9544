// What a run over all sources hands to the cache: the values it has listed anyway, and what is to stay in it. Asks nobody.

import { toPsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import type { RefillReport, SecretCache } from './cache.ts';

/** What a run fills, and what it knows from before. */
export type CacheSink = Pick<SecretCache, 'refill' | 'find' | 'opening'>;

/** How the cache came out of a run; plain data. */
export type CacheOutcome =
  | ({ readonly saved: true } & Omit<RefillReport, 'saved'>)
  /** In memory all the same. */
  | { readonly saved: false; readonly entries: number | null; readonly reason: string; readonly hint: string | null };

/** What one workload of a run brings to the cache. */
export type Share =
  /** What it names now, with the values that came with it: one that is hidden, or listed by name only, stays as it is cached. */
  | {
      readonly kind: 'listed';
      readonly secrets: readonly { readonly mapping: Mapping; readonly fetched: Fetched | undefined }[];
    }
  /** Nothing new is known of it, because it could not be listed: what is known stays. */
  | { readonly kind: 'unlisted'; readonly wanted: readonly Mapping[] };

const LEFT =
  '`podman exec psi psi cache status` says why it cannot be opened; what could not be listed is named above. To do without that file: ' +
  '`podman exec psi psi cache refresh --replace` keeps it as cache.enc.bad and writes what is known now';

export type FillScope = {
  /** The run was about all workloads, so what none of them names is dropped. */
  readonly whole: boolean;
  readonly replace: boolean;
};

/** Never rejects: lookups do without the file. */
export async function fillCache(
  cache: CacheSink,
  shares: readonly Share[],
  { whole, replace }: FillScope,
): Promise<CacheOutcome> {
  const listed = shares.flatMap(listedValues);
  if (listed.length === 0 && shares.some(({ kind }) => kind === 'unlisted')) {
    return { saved: false, entries: null, reason: 'nothing could be listed, so it was left as it is', hint: null };
  }
  const wanted = whole ? shares.flatMap(wantedMappings) : undefined;
  try {
    const { saved, ...report } = await cache.refill({ listed, wanted, replace });
    if (saved) return { saved, ...report };
    return {
      saved,
      entries: report.entries,
      reason: 'the file cannot be opened and may hold more than this run knows, so it was left as it is',
      hint: LEFT,
    };
  } catch (thrown) {
    const { message, hint } = toPsiError(thrown);
    return { saved: false, entries: null, reason: message, hint: hint ?? null };
  }
}

function wantedMappings(share: Share): readonly Mapping[] {
  return share.kind === 'listed' ? share.secrets.map(({ mapping }) => mapping) : share.wanted;
}

function listedValues(share: Share): readonly { readonly mapping: Mapping; readonly fetched: Fetched }[] {
  if (share.kind === 'unlisted') return [];
  return share.secrets.flatMap(({ mapping, fetched }) => (fetched ? [{ mapping, fetched }] : []));
}
