// What the configured sources hold now: one immutable result per workload, for whoever registers, caches or compares it.

import { PsiError, toPsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import { complete, type Completed, type SurveyProblem } from './completion.ts';
import { Listings, type ListingDeps } from './listings.ts';
import { covers, HeldNames, unplacedKey, type RegisteredKey } from './registered-keys.ts';
import { mergeSelections, select, type Overridden, type Selection } from './selection.ts';
import { SurveyReads } from './survey-reads.ts';

export type SurveyDeps = ListingDeps & {
  /** What is registered for a workload, and maybe more: a secret that is there already keeps its line where nobody knows better. */
  readonly registered: (workload: Workload) => readonly RegisteredKey[];
  /** All that it has can be looked up while its provider is away, so the run need not wait for that one. Default: of none. */
  readonly isServed?: (workload: Workload) => boolean;
};

/** What one `secrets:` entry of a workload was answered, before include and exclude. */
export type SurveyedSource = {
  readonly spec: SecretSpec;
  readonly seen: readonly ListedSecret[];
  /** What of it is there to be selected from, beside what was registered and is kept. */
  readonly completed: Completed;
  /** Undefined: listed with its values. Else why only the names could be had. */
  readonly namesOnly: string | undefined;
};

export type Found = Selection & {
  readonly kind: 'found';
  readonly sources: readonly SurveyedSource[];
  readonly overridden: readonly Overridden[];
  readonly problems: readonly SurveyProblem[];
  readonly notes: readonly string[];
  /** Podman's names of those of which the provider says that they are gone. */
  readonly gone: readonly string[];
  /** A source yields nothing that should yield something: what is not found now may have come from it. */
  readonly lacksSource: boolean;
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
  const { isServed = () => false } = deps;
  const waiting = workloads.filter((workload) => !isServed(workload));
  const asking = { listings: new Listings(deps, waiting, signal), reads: new SurveyReads(deps, signal), deps };
  for (const workload of workloads) yield { workload, outcome: await outcomeOf(workload, asking) };
}

const NOTHING: Completed = { secrets: [], problems: [], notes: [], gone: [], absent: [] };

type Asking = { readonly listings: Listings; readonly reads: SurveyReads; readonly deps: SurveyDeps };

// Fails as a whole if one of the sources does: half a workload is not registered.
async function outcomeOf(workload: Workload, { listings, reads, deps }: Asking): Promise<Found | Failed> {
  if (workload.refusal) return { kind: 'failed', error: workload.refusal, sources: [] };
  const sources: SurveyedSource[] = [];
  const all = deps.registered(workload).filter(({ mapping }) => !mapping || mapping.provider === workload.provider);
  const held = new HeldNames(workload, all);
  try {
    for (const spec of workload.secrets) {
      const listing = await listings.of(workload, spec);
      const { secrets: seen, namesOnly } = listing;
      const had = all.filter((one) => isFrom(workload, spec, one));
      if (seen.length === 0 && had.length > 0) {
        sources.push({ spec, seen, namesOnly, completed: NOTHING });
        throw suddenlyEmpty(workload, spec, had.length);
      }
      const absent = seen.length === 0 ? (spec.keys ?? []).map(({ key }) => key) : [];
      const completed =
        absent.length > 0 ? NOTHING : await complete({ workload, spec, registered: all, held }, listing, reads);
      sources.push({ spec, seen, namesOnly, completed });
      const missing = [...absent, ...completed.absent];
      if (missing.length > 0) throw missingKeys(workload, spec, missing);
    }
    return found(workload, sources, held);
  } catch (thrown) {
    return { kind: 'failed', error: toPsiError(thrown), sources };
  }
}

function isFrom(workload: Workload, spec: SecretSpec, one: RegisteredKey): boolean {
  return one.mapping ? covers(spec, one.mapping) : unplacedKey(workload, spec, one.name).length > 0;
}

function found(workload: Workload, sources: readonly SurveyedSource[], held: HeldNames): Found {
  const selections = sources.map(({ spec, completed }) => select(workload, spec, completed.secrets, held));
  const empty = sources.map((source, index) => emptyProblem(workload, source, selections[index]));
  return {
    kind: 'found',
    ...mergeSelections(workload, selections, held),
    sources,
    problems: sources.flatMap((source, index) => [...source.completed.problems, ...(empty[index] ?? [])]),
    notes: [...new Set(sources.flatMap((source) => [...noteOf(source), ...source.completed.notes]))],
    gone: sources.flatMap(({ completed }) => completed.gone),
    lacksSource: sources.some((source, index) => yieldsNothing(source, selections[index])),
  };
}

function noteOf({ spec, namesOnly }: SurveyedSource): readonly string[] {
  if (namesOnly === undefined) return [];
  const place = `${spec.project}:${spec.path}`;
  return [`${place} could only be listed by name (${namesOnly}): its values were asked for one by one`];
}

/** A secret that was asked for by itself and not given says nothing of its place: it only keeps its line. */
function yieldsNothing({ spec, seen, completed }: SurveyedSource, selection: Selection | undefined): boolean {
  if (spec.allowEmpty) return false;
  if (!selection) return true;
  const listed = new Set(seen.map(({ key }) => key));
  const unclear = new Set<string>(completed.problems.map(({ name }) => name));
  const given = selection.secrets.filter(({ name, mapping }) => listed.has(mapping.key) || !unclear.has(name));
  return given.length + selection.refused.length === 0;
}

/** A source that yields nothing is said: a wrong path, a missing right and an empty folder look alike on some servers. */
function emptyProblem(
  workload: Workload,
  source: SurveyedSource,
  selection: Selection | undefined,
): readonly SurveyProblem[] {
  const { spec, seen, completed } = source;
  if (!yieldsNothing(source, selection) || completed.problems.length > 0) return [];
  const place = `${spec.project}:${spec.path}`;
  const count = String(seen.length);
  const [reason, hint] =
    seen.length === 0
      ? [
          `${workload.provider} shows no secret there: is the path wrong, or is a right missing?`,
          'check `path` and the environment of the project, and that the machine identity may see this folder; one that is rightly empty gets `allow_empty: true`',
        ]
      : [
          `include and exclude leave nothing of the ${count} secrets there`,
          'correct the patterns, or set `allow_empty: true`',
        ];
  return [{ workload: workload.name, name: place, code: 'NOT_FOUND', reason, hint }];
}

/** Names at most so many keys. */
const MOST_NAMED = 10;

function missingKeys({ name, provider }: Workload, { project, path }: SecretSpec, keys: readonly string[]): PsiError {
  const more = keys.length > MOST_NAMED ? ` and ${String(keys.length - MOST_NAMED)} more` : '';
  const named = `${keys.slice(0, MOST_NAMED).map(printable).join(', ')}${more}`;
  return new PsiError(
    'NOT_FOUND',
    `${provider} has no ${named} in ${project}:${printable(path)}, and \`keys\` names it: ${name} is left as it was`,
    {
      hint: 'correct the key, `path` or the environment of the project in the config, or make the secret at the provider, then run `podman exec psi psi setup`',
    },
  );
}

function suddenlyEmpty(workload: Workload, spec: SecretSpec, registered: number): PsiError {
  return new PsiError(
    'PLACE_NOT_FOUND',
    `${workload.provider} lists no secret in ${spec.project}:${spec.path}, where ${String(registered)} ${registered === 1 ? 'is' : 'are'} registered: ${workload.name} is left as it was`,
    {
      hint: 'check `path`, the environment of the project and what the machine identity may see; if it is meant, take the source out of the config',
    },
  );
}
