// The workload pattern before a run: the quadlets of this host and the folders at the provider make workloads of it, which the run then takes
// like those that the config names. Nothing here is kept: each run looks anew. What a unit has from before it keeps, whatever cannot be told.

import { toPsiError, PsiError } from '../core/error.ts';
import { failureOf } from '../core/failure.ts';
import type { Clock } from '../core/clock.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import { holdsPlaceholder, placedIn, type WorkloadPattern } from '../core/workload-pattern.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { SurveyEvent } from '../survey/events.ts';
import { covers } from '../survey/registered-keys.ts';
import { secretLines } from './drop-in.ts';
import type { DropInStore } from './drop-in-store.ts';
import { FolderLists, placeText, type Looked } from './folder-lists.ts';
import { candidatesOf, judge, type Candidate, type OfPsi, type PassedOver } from './pattern-quadlets.ts';
import type { Quadlets } from './quadlets.ts';
import { runPart, type RunPart } from './run-report.ts';
import type { SetupOutcome } from './setup-events.ts';
import { pruneCommand } from './unclaimed.ts';

export type PatternDeps = {
  readonly quadlets: Pick<Quadlets, 'list'>;
  readonly dropIns: Pick<DropInStore, 'list'>;
  readonly mappings: Pick<MappingTable, 'ofWorkload' | 'readRest'>;
  readonly ofPsi: OfPsi;
  readonly clock: Clock;
};

/** What the pattern is resolved for; `workloads` are those that the config names. */
export type PatternTarget = {
  readonly workloads: readonly Workload[];
  readonly pattern?: WorkloadPattern | undefined;
  readonly sourceOf: (provider: string) => SecretSource | undefined;
};

/** Of a run that is about some workloads only. `once`: no provider is waited for. `boot`: somebody's start waits for the run. */
export type PatternScope = {
  readonly provider?: string | undefined;
  readonly workload?: string | undefined;
  readonly workloads?: readonly string[] | undefined;
  readonly once?: boolean | undefined;
  readonly boot?: boolean | undefined;
};

export type ByPattern = {
  readonly workloads: readonly Workload[];
  readonly part: RunPart;
  /** `failed`: the host has nothing from before and no named workload, and whether a quadlet could have something cannot be told. */
  readonly outcome: SetupOutcome;
  /** What kept folders or quadlets from being listed. */
  readonly errors: readonly PsiError[];
  /** There may be workloads by the pattern that were not looked for. */
  readonly partial: boolean;
};

type PatternRun = {
  readonly scope: PatternScope;
  readonly emit: (event: SurveyEvent) => void;
  readonly signal: AbortSignal;
};

const NONE: ByPattern = { workloads: [], part: runPart({}), outcome: 'done', errors: [], partial: false };

/** A candidate, and what is known of it. */
type Found = {
  readonly candidate: Candidate;
  /** Of each of the pattern's sources; undefined: its path is the same for all. */
  readonly looked: readonly (Looked | undefined)[];
  /** It has secrets from before; of some of them it is not known where they stand. */
  readonly had: boolean;
  readonly before: readonly Mapping[];
};

export class WorkloadsByPattern {
  readonly #deps: PatternDeps;

  constructor(deps: PatternDeps) {
    this.#deps = deps;
  }

  /** Never fails but where the run is about one workload and the pattern makes none of it: with the reason. */
  async resolve(
    target: PatternTarget,
    scope: PatternScope,
    emit: (event: SurveyEvent) => void,
    signal: AbortSignal,
  ): Promise<ByPattern> {
    const { pattern } = target;
    if (!pattern) return NONE;
    if (isBeside(target, pattern, scope)) return { ...NONE, partial: true };
    const found = await this.#resolved(target, pattern, { scope, emit, signal });
    if (scope.workload !== undefined) refuseAsked(scope.workload, found);
    return found;
  }

  async #resolved(target: PatternTarget, pattern: WorkloadPattern, run: PatternRun): Promise<ByPattern> {
    const { scope } = run;
    try {
      const { candidates, passedOver } = await this.#candidates(target, scope);
      const found = await this.#found(target, pattern, candidates, run);
      return settled(pattern, target.workloads, { ...found, passedOver });
    } catch (thrown) {
      const error = toPsiError(thrown);
      const failures = [{ workload: null, ...failureOf(error) }];
      return { ...NONE, part: runPart({ failures }), outcome: 'failed', errors: [error], partial: true };
    }
  }

  /**
   * All that the pattern may have given secrets, without asking the provider; with `only`, that one if its folder is there. Fails where the
   * quadlets cannot be listed, or the folders for `only`.
   */
  async claimed(target: PatternTarget, only: string | undefined, signal: AbortSignal): Promise<readonly Workload[]> {
    const { pattern, workloads } = target;
    if (!pattern || workloads.some(({ name }) => name === only)) return [];
    const scope = { workload: only, once: true };
    const { candidates } = await this.#candidates(target, scope);
    const all = candidates.map((candidate) => workloadOf(pattern, candidate, pattern.secrets));
    if (only === undefined || all.length === 0) return all;
    const { found } = await this.#found(target, pattern, candidates, { scope, emit: () => undefined, signal });
    const [unlisted] = unlistedIn(pattern.provider, found);
    if (unlisted) throw unlisted;
    const looked = found.flatMap((one) => one.looked.flatMap((each) => each ?? []));
    return looked.some(({ kind }) => kind !== 'missing') ? all : [];
  }

  async #candidates(
    { workloads }: PatternTarget,
    scope: PatternScope,
  ): Promise<{ readonly candidates: readonly Candidate[]; readonly passedOver: readonly PassedOver[] }> {
    const { quadlets, ofPsi } = this.#deps;
    const { candidates, passedOver } = candidatesOf(await quadlets.list(), workloads, ofPsi);
    if (scope.workload === undefined && scope.workloads === undefined) return { candidates, passedOver };
    const wanted = candidates.filter(({ name }) => name === scope.workload || scope.workloads?.includes(name) === true);
    return {
      candidates: wanted,
      passedOver: passedOver.filter(({ unit }) => unit === `${scope.workload ?? ''}.container`),
    };
  }

  async #found(
    { workloads, sourceOf }: PatternTarget,
    pattern: WorkloadPattern,
    candidates: readonly Candidate[],
    run: PatternRun,
  ): Promise<{ readonly found: readonly Found[]; readonly notes: readonly string[] }> {
    const had = await this.#had(candidates);
    const { provider } = pattern;
    // At a boot the named workloads wait too, and what is not found now is owed.
    const isAwaited = had.size > 0 || (run.scope.boot === true && workloads.length > 0);
    const waits = run.scope.once === true ? 'once' : isAwaited ? 'hurried' : 'patient';
    const lists = new FolderLists({ ...run, provider, source: sourceOf(provider), clock: this.#deps.clock, waits });
    const found: Found[] = [];
    for (const candidate of candidates) {
      const looked = await Promise.all(
        pattern.secrets.map((spec) =>
          holdsPlaceholder(spec.path) ? lists.look(spec, candidate.folder) : Promise.resolve(undefined),
        ),
      );
      const before = this.#deps.mappings.ofWorkload(candidate.name);
      found.push({ candidate, looked, before, had: had.has(candidate.unit) });
    }
    return { found, notes: lists.notes };
  }

  /** The units that have lines in a drop-in, or a secret by their name. */
  async #had(candidates: readonly Candidate[]): Promise<ReadonlySet<string>> {
    const { dropIns, mappings } = this.#deps;
    await mappings.readRest();
    const present = await dropIns.list();
    const lined = new Set(present.flatMap(({ unit, text }) => (secretLines(text).size > 0 ? [unit] : [])));
    const units = candidates.filter(({ unit, name }) => lined.has(unit) || mappings.ofWorkload(name).length > 0);
    return new Set(units.map(({ unit }) => unit));
  }
}

/** A run that is about no workload which the config does not name. */
function isBeside({ workloads }: PatternTarget, { provider }: WorkloadPattern, scope: PatternScope): boolean {
  if (scope.provider !== undefined && scope.provider !== provider) return true;
  const wanted = scope.workload === undefined ? scope.workloads : [scope.workload];
  return wanted?.every((name) => workloads.some((one) => one.name === name)) === true;
}

/** What the pattern makes of a quadlet of this name, if its folder is there; undefined: nothing. */
export function byName(pattern: WorkloadPattern, unit: string): Workload | undefined {
  const judged = judge(unit, new Set());
  return 'folder' in judged ? workloadOf(pattern, judged, pattern.secrets) : undefined;
}

type Looking = {
  readonly found: readonly Found[];
  readonly notes: readonly string[];
  readonly passedOver: readonly PassedOver[];
};

function settled(
  pattern: WorkloadPattern,
  named: readonly Workload[],
  { found, notes, passedOver }: Looking,
): ByPattern {
  const verdicts = found.map((one) => verdictOf(pattern, one));
  const workloads = verdicts.flatMap(({ workload }) => workload ?? []);
  const over = [...passedOver, ...verdicts.flatMap((verdict) => verdict.passedOver)];
  const unlisted = unlistedIn(pattern.provider, found);
  const part = runPart({
    notes: [...refusedNote(over), ...notes],
    passedOver: over,
    failures: unlisted.map((error) => ({ workload: null, ...failureOf(error) })),
  });
  const isNew = named.length === 0 && !found.some(({ had }) => had);
  const outcome = unlisted.length === 0 ? 'done' : isNew ? 'failed' : 'left';
  return { workloads, part, outcome, errors: unlisted, partial: unlisted.length > 0 };
}

type Verdict = { readonly workload?: Workload; readonly passedOver: readonly PassedOver[] };

function verdictOf(pattern: WorkloadPattern, { candidate, looked, had, before }: Found): Verdict {
  const { unit } = candidate;
  const refusal = candidate.refusal ?? looked.flatMap((one) => (one?.kind === 'refused' ? [one.reason] : []))[0];
  if (refusal !== undefined) {
    if (had) return { workload: leftWorkload(pattern, candidate, ambiguous(candidate, refusal)), passedOver: [] };
    return { passedOver: [{ unit, reason: refusal, refused: true }] };
  }
  const kinds = new Set(looked.map((one) => one?.kind));
  if (kinds.has('there') || (kinds.has('unknown') && had)) {
    const isFrom = (spec: SecretSpec): boolean => before.some((mapping) => covers(spec, mapping));
    return workloadOfFound(pattern, candidate, looked, isFrom);
  }
  if (kinds.has('unknown')) return { passedOver: [] };
  const missing = looked.flatMap((one) => (one?.kind === 'missing' ? [placeText(one.place)] : []));
  const where = [...new Set(missing)].join(', ');
  if (!had) return { passedOver: [{ unit, reason: `${pattern.provider} has no folder ${where}` }] };
  return { workload: leftWorkload(pattern, candidate, goneFolder(pattern, candidate, where)), passedOver: [] };
}

/** Without the sources whose folders are not there, but for those that its secrets came from: these are asked, as if the config named them. */
function workloadOfFound(
  pattern: WorkloadPattern,
  candidate: Candidate,
  looked: Found['looked'],
  isFrom: (spec: SecretSpec) => boolean,
): Verdict {
  const all = workloadOf(pattern, candidate, pattern.secrets).secrets;
  const isLeftOut = (spec: SecretSpec, index: number): boolean => looked[index]?.kind === 'missing' && !isFrom(spec);
  const secrets = all.filter((spec, index) => !isLeftOut(spec, index));
  const leftOut = new Set(all.filter(isLeftOut).map((spec) => placeText(spec)));
  return {
    workload: { ...workloadOf(pattern, candidate, []), secrets },
    passedOver: [...leftOut].map((place) => {
      return {
        unit: candidate.unit,
        reason: `its source ${place} is left out: ${pattern.provider} has no such folder`,
      };
    }),
  };
}

function workloadOf(
  { provider, dependsOn }: WorkloadPattern,
  { name, unit, folder }: Candidate,
  secrets: readonly SecretSpec[],
): Workload {
  const placed = secrets.map((spec) => ({ ...spec, path: placedIn(spec.path, folder) }));
  return { name, unit, provider, dependsOn, secrets: placed };
}

function leftWorkload(pattern: WorkloadPattern, candidate: Candidate, refusal: PsiError): Workload {
  return { ...workloadOf(pattern, candidate, pattern.secrets), refusal };
}

function goneFolder({ provider }: WorkloadPattern, { name }: Candidate, where: string): PsiError {
  return new PsiError(
    'PLACE_NOT_FOUND',
    `${provider} has no folder ${where}, and ${name} has secrets: it is left as it was`,
    {
      hint: `make the folder again, or name ${name} under \`workloads\` in the config; if it is to have no secrets any more, run \`${pruneCommand(name)}\``,
    },
  );
}

function ambiguous({ name }: Candidate, reason: string): PsiError {
  return new PsiError(
    'CONFIG_INVALID',
    `${reason}: which of them is meant nobody knows, and ${name} is left as it was`,
    {
      hint: 'give one of them another name, or name the workload in the config',
    },
  );
}

/** One for each place whose folders could not be listed, with those for whom that matters. */
function unlistedIn(provider: string, found: readonly Found[]): readonly PsiError[] {
  const all = found.flatMap(({ candidate, looked, had }) =>
    looked.flatMap((one) => (one?.kind === 'unknown' ? [{ ...one, name: candidate.name, had }] : [])),
  );
  return [...Map.groupBy(all, ({ parent }) => placeText(parent))].map(([where, some]) => {
    const [{ error } = { error: new PsiError('INTERNAL', `${provider} was not asked`) }] = some;
    const names = [...new Set(some.flatMap(({ name, had }) => (had ? [] : [name])))];
    const rest = names.length === 0 ? '' : `: whether it has one for ${listed(names)} cannot be told`;
    const { code, message, hint, retry, retryAfterMs, details } = error;
    return new PsiError(code, `the folders in ${where} cannot be listed (${message})${rest}`, {
      ...(hint !== undefined && { hint }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...{ retry, details, cause: error },
    });
  });
}

function refusedNote(passedOver: readonly PassedOver[]): readonly string[] {
  const refused = passedOver.filter((one) => one.refused);
  if (refused.length === 0) return [];
  const named = refused.map(({ unit, reason }) => `${unit} (${reason})`);
  return [
    `"*" passes over ${listed(named)}: an entry of its own under \`workloads\` with \`unit\` gives such a quadlet secrets`,
  ];
}

/** Whoever asks for one workload is told why the pattern makes none of it; of one that is no quadlet the run says so. */
function refuseAsked(workload: string, { workloads, errors, part }: ByPattern): void {
  if (workloads.length > 0) return;
  const [error] = errors;
  if (error) throw error;
  const [why] = part.passedOver;
  if (!why) return;
  throw new PsiError('USAGE', `no workload ${workload} in the config, and "*" passes over ${why.unit}: ${why.reason}`, {
    hint: 'see `podman exec psi psi setup --dry-run`',
  });
}

/** So many are named. */
const MOST_NAMED = 10;

function listed(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${String(names.length - MOST_NAMED)} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}
