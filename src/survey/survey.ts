// What the configured sources hold now: one immutable result per workload, for whoever registers, caches or compares it.

import { PsiError, toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import { Listings, type ListingDeps } from './listings.ts';
import { mergeSelections, select, type Overridden, type Selection } from './selection.ts';

export type SurveyDeps = ListingDeps & {
  /** Secrets already registered for a workload from a source: an empty listing is then an error, not a wish to drop them all. */
  readonly registeredFrom: (workload: Workload, spec: SecretSpec) => number;
};

/** What one `secrets:` entry of a workload was answered, before include and exclude. */
export type SurveyedSource = {
  readonly spec: SecretSpec;
  readonly seen: readonly ListedSecret[];
  /** Undefined: listed with its values. Else why only the names could be had. */
  readonly namesOnly: string | undefined;
};

export type Found = Selection & {
  readonly kind: 'found';
  readonly sources: readonly SurveyedSource[];
  readonly overridden: readonly Overridden[];
  readonly notes: readonly string[];
};

export type Failed = {
  readonly kind: 'failed';
  readonly error: PsiError;
  /** Those that answered before the failure. */
  readonly sources: readonly SurveyedSource[];
};

export type Surveyed = { readonly workload: Workload; readonly outcome: Found | Failed };

/**
 * One result per workload, in order. The next workload is listed when the next result is asked for, so that what is found can be
 * applied on the way. A failure is the outcome of its workload and never ends the survey.
 */
export async function* survey(
  workloads: readonly Workload[],
  deps: SurveyDeps,
  signal: AbortSignal,
): AsyncGenerator<Surveyed, void, undefined> {
  const listings = new Listings(deps, signal);
  for (const workload of workloads) yield { workload, outcome: await outcomeOf(workload, listings, deps) };
}

/** Does this source of a workload, whose provider is the mapping's, list the mapping's place? */
export function covers({ project, path, recursive }: SecretSpec, mapping: Mapping): boolean {
  if (mapping.project !== project) return false;
  const below = path === '/' ? '/' : `${path}/`;
  return mapping.path === path || (recursive && mapping.path.startsWith(below));
}

// Fails as a whole if one of the sources does: half a workload is not registered.
async function outcomeOf(workload: Workload, listings: Listings, deps: SurveyDeps): Promise<Found | Failed> {
  const sources: SurveyedSource[] = [];
  try {
    for (const spec of workload.secrets) {
      const { secrets: seen, namesOnly } = await listings.of(workload, spec);
      sources.push({ spec, seen, namesOnly });
      const registered = deps.registeredFrom(workload, spec);
      if (seen.length === 0 && registered > 0) throw suddenlyEmpty(workload, spec, registered);
    }
    return found(workload, sources);
  } catch (thrown) {
    return { kind: 'failed', error: toPsiError(thrown), sources };
  }
}

function found(workload: Workload, sources: readonly SurveyedSource[]): Found {
  const selections = sources.map(({ spec, seen }) => select(workload, spec, seen));
  return {
    kind: 'found',
    ...mergeSelections(workload, selections),
    sources,
    notes: [...new Set(sources.flatMap(noteOf))],
  };
}

function noteOf({ spec, namesOnly }: SurveyedSource): readonly string[] {
  if (namesOnly === undefined) return [];
  const place = `${spec.project}:${spec.path}`;
  return [`${place} could only be listed by name (${namesOnly}): sizes were not checked, lookups may be refused`];
}

function suddenlyEmpty(workload: Workload, spec: SecretSpec, registered: number): PsiError {
  return new PsiError(
    'NOT_FOUND',
    `${workload.provider} lists no secret in ${spec.project}:${spec.path}, where ${String(registered)} are registered: ${workload.name} is left as it was`,
    { hint: 'check the path and what the identity may see; if it is meant, take the source out of the config' },
  );
}
