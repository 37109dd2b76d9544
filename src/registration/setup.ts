// `psi setup`: survey → plan → apply, one workload after another, so that one workload's failure does not stop the others.

import { withDeadline } from '../core/deadline.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import {
  planDropIn,
  planSecrets,
  planStaleDropIns,
  registeredFor,
  type Actual,
  type Change,
  type Problem,
  type WorkloadPlan,
} from './plan.ts';
import { isPsiOptions } from './driver-command/options.ts';
import type { DriverOptions } from './registered-secret.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { dropInText, secretLines } from './drop-in.ts';
import { keptLines, stayingIn } from './kept-lines.ts';
import type { Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { DropInStore } from './drop-in-store.ts';
import type { HeaderFile } from './driver-command/header-file.ts';
import type { RegistryFeatures, SecretRegistry } from './secret-registry.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { ReloadDebt } from './reload-debt.ts';
import type { UnitManager } from './unit-manager.ts';
import { PlanCarrier, type Applied } from './apply.ts';
import { fillCache, type CacheOutcome, type CacheSink, type Share } from '../cache/fill.ts';
import { survey, type Found, type Surveyed, type SurveyDeps } from '../survey/survey.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { failureOf } from '../core/failure.ts';
import { guarded, reportOf, runPart, type RunPart } from './run-report.ts';
import type { SetupEvent, SetupReport } from './setup-events.ts';
import type { RegisteredKey, SurveyProblem } from '../survey/completion.ts';

/** What the config asks for at this moment. */
export type SetupTarget = {
  readonly workloads: readonly Workload[];
  readonly options: DriverOptions;
  readonly socketToken: SecretValue | undefined;
  readonly sourceOf: (provider: string) => SecretSource | undefined;
};

export type SetupDeps = {
  readonly registry: SecretRegistry;
  readonly mappings: MappingTable;
  readonly dropIns: DropInStore;
  readonly units: UnitManager;
  readonly reloadDebt: ReloadDebt;
  readonly headerFile: HeaderFile;
  readonly clock: Clock;
  readonly cache: CacheSink | undefined;
};

export type SetupRequest = {
  readonly provider: string | undefined;
  readonly workload: string | undefined;
  readonly dryRun: boolean;
};

/** What holds for a whole run: the wish, and what was there when it began. */
type Run = {
  readonly target: SetupTarget;
  readonly request: SetupRequest;
  readonly emit: (event: SetupEvent) => void;
  readonly features: RegistryFeatures;
  readonly actual: Actual;
  readonly dropInTexts: ReadonlyMap<string, string>;
  /** A dry run takes every change as done. */
  readonly carryOut: (changes: readonly Change[]) => Promise<Applied>;
};

/** An HSM takes seconds. */
const LONGEST_OPENING_MS = 15_000;

type WorkloadStep = { readonly parts: readonly RunPart[]; readonly share: Share };

export class Setup {
  readonly #deps: SetupDeps;

  constructor(deps: SetupDeps) {
    this.#deps = deps;
  }

  /** Plans and, unless it is a dry run, applies. Failures of single workloads are in the report; what stops the whole run is thrown. */
  async run(
    target: SetupTarget,
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ): Promise<SetupReport> {
    const workloads = chosen(target.workloads, request);
    const run = await this.#begin(target, request, emit, signal);
    const restored = await guarded(undefined, () => this.#restore(run));
    const header = await guarded(undefined, () => this.#header(run));
    const steps: WorkloadStep[] = [];
    for await (const surveyed of survey(workloads, this.#surveyDeps(run), signal)) {
      steps.push(await workloadStep(run, surveyed));
    }
    const registered = [restored, header, ...steps.flatMap(({ parts }) => parts)];
    const notes = podmanNotes(run.features, workloads, registered);
    const stale = await guarded(undefined, () => staleDropIns(run));
    const parts = [...registered, runPart({ notes }), stale];
    const reload = await guarded(undefined, () => this.#reload(run));
    const shares = steps.map(({ share }) => share);
    const cache = await this.#fill(run, shares, workloads.length === target.workloads.length);
    return reportOf(request.dryRun, [...parts, reload], cache);
  }

  async #begin(
    target: SetupTarget,
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ): Promise<Run> {
    const { registry, dropIns, mappings, cache, clock } = this.#deps;
    await mappings.readAgain();
    // What is held from before decides how long a provider is waited for.
    await opened(cache?.opening(), clock, signal);
    const [features, registered, present] = await Promise.all([registry.features(), registry.list(), dropIns.list()]);
    mappings.learnNames(registered);
    const actual: Actual = {
      registered: new Map(registered.map((secret) => [secret.name, secret])),
      mappingOf: (id) => mappings.get(id),
      names: { ...features.names, version: features.version },
      isOurs: isPsiOptions,
    };
    const { options, socketToken } = target;
    const apply = new PlanCarrier({ ...this.#deps, options, socketToken, emit, signal });
    return {
      target,
      request,
      emit,
      features,
      actual,
      dropInTexts: new Map(present.map(({ unit, text }) => [unit, text])),
      carryOut: (changes) => (request.dryRun ? Promise.resolve({ done: changes, failed: [] }) : apply.all(changes)),
    };
  }

  #surveyDeps(run: Run): SurveyDeps {
    const { target, emit } = run;
    const { clock, cache } = this.#deps;
    const registered: SurveyDeps['registered'] = (workload) => keysWithLines(workload, run);
    const known: SurveyDeps['known'] = (mapping) => cache?.find(mapping)?.fetched;
    const isServed: SurveyDeps['isServed'] = (workload) => {
      const keys = registered(workload);
      return keys.length > 0 && keys.every(({ mapping }) => known(mapping) !== undefined);
    };
    return { sourceOf: target.sourceOf, clock, emit, registered, known, isServed };
  }

  /** What is in memory alone would be gone after a restart: somebody removed the state folder, or files in it. */
  async #restore({ request }: Run): Promise<RunPart> {
    const { mappings } = this.#deps;
    const lost = await mappings.lost();
    if (lost.length === 0) return runPart({});
    const files = `the mapping files of ${String(lost.length)} secrets`;
    if (request.dryRun) return runPart({ notes: [`the state folder lacks ${files}: setup writes them again`] });
    await mappings.writeAgain(lost);
    return runPart({ notes: [`the state folder lacked ${files}: they are written again`] });
  }

  async #header({ target, carryOut }: Run): Promise<RunPart> {
    if (!target.socketToken || (await this.#deps.headerFile.holds(target.socketToken))) return runPart({});
    return partOf(undefined, await carryOut([{ action: 'write-header', workload: undefined }]));
  }

  /** Once for all drop-ins of the run, and only if one of them was changed, now or in a run that did not come so far. */
  async #reload({ request, emit }: Run): Promise<RunPart> {
    const { reloadDebt, units } = this.#deps;
    if (!(await reloadDebt.owed())) return runPart({});
    if (request.dryRun) return runPart({ notes: ['systemd has yet to read drop-ins that an earlier run changed'] });
    emit({ event: 'reloading' });
    await units.reload();
    await reloadDebt.settle();
    return runPart({});
  }

  /** Null: there is no cache, or nothing is to be changed. `whole`: the run is about all workloads of the config. */
  async #fill({ request, emit }: Run, shares: readonly Share[], whole: boolean): Promise<CacheOutcome | null> {
    const { cache } = this.#deps;
    if (!cache || request.dryRun) return null;
    emit({ event: 'caching' });
    return fillCache(cache, shares, whole);
  }
}

/** In time: a device that does not answer holds nothing up, the run is only more patient then. */
async function opened(opening: Promise<void> | undefined, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!opening) return;
  const bound = { ms: LONGEST_OPENING_MS, what: 'the opening of the cache' };
  await withDeadline(clock, bound, () => opening, signal).catch(() => undefined);
}

async function workloadStep(run: Run, { workload, outcome }: Surveyed): Promise<WorkloadStep> {
  if (outcome.kind === 'failed') return leftAsItWas(run, workload, outcome.error);
  try {
    return await foundStep(run, workload, outcome);
  } catch (thrown) {
    return leftAsItWas(run, workload, toPsiError(thrown));
  }
}

/** Nothing of a workload is changed, neither with Podman nor in the cache, where what it should have is not known as a whole. */
function leftAsItWas(run: Run, workload: Workload, error: PsiError): WorkloadStep {
  return {
    parts: [runPart({ failures: [{ workload: workload.name, ...failureOf(error) }] })],
    share: { kind: 'unlisted', wanted: registeredMappings(workload, run.actual) },
  };
}

async function foundStep(run: Run, workload: Workload, outcome: Found): Promise<WorkloadStep> {
  const plan = planSecrets(workload.name, outcome.secrets, run.target.options, run.actual);
  const applied = await run.carryOut(plan.changes);
  const kept = keptLines(run.dropInTexts.get(workload.unit), [...plan.problems, ...outcome.refused]);
  const dropIn = await guarded(workload.name, () => dropInStep(run, workload, { plan, applied, kept }));
  return {
    parts: [
      registrationPart(workload, outcome, { ...plan, problems: plan.problems.map(stayingIn(kept)) }, applied),
      dropIn,
    ],
    share: { kind: 'listed', secrets: plan.usable },
  };
}

function registrationPart(workload: Workload, found: Found, plan: WorkloadPlan, applied: Applied): RunPart {
  const { kept } = plan;
  const { refused, overridden, notes } = found;
  const wanted = new Set<string>(refused.map(({ name }) => name));
  const orphans = plan.orphans.filter(({ name }) => !wanted.has(name));
  const problems = [...found.problems.map(problemOf), ...plan.problems];
  return { ...partOf(workload.name, applied), kept, orphans, problems, refused, overridden, notes };
}

type Step = { readonly plan: WorkloadPlan; readonly applied: Applied; readonly kept: ReadonlyMap<string, string> };

/**
 * Left as it is where a secret could not be registered: a drop-in that names it would keep the unit from starting, one without it would let
 * the unit start without its secret.
 */
async function dropInStep(run: Run, workload: Workload, { plan, applied, kept }: Step): Promise<RunPart> {
  if (!run.features.dropIns) return runPart({});
  const { name, unit, dependsOn } = workload;
  if (applied.failed.some(({ change }) => change.action !== 'remap')) {
    return runPart({ notes: [`${name}: its drop-in is left as it is until all its secrets are registered`] });
  }
  const text = dropInText({ unit, dependsOn, secrets: plan.usable, kept: [...kept.values()] });
  return partOf(name, await run.carryOut(planDropIn(name, unit, text, run.dropInTexts.get(unit))));
}

/** A filtered run knows nothing about the units of other workloads: it leaves their drop-ins alone. */
async function staleDropIns({ target, request, features, dropInTexts, carryOut }: Run): Promise<RunPart> {
  const filtered = request.provider !== undefined || request.workload !== undefined;
  if (filtered || !features.dropIns) return runPart({});
  const units = new Set(target.workloads.map(({ unit }) => unit));
  return partOf(undefined, await carryOut(planStaleDropIns(dropInTexts.keys(), units)));
}

function partOf(workload: string | undefined, { done, failed }: Applied): RunPart {
  return runPart({
    changes: done,
    failures: failed.map(({ error }) => ({ workload: workload ?? null, ...failureOf(error) })),
  });
}

function problemOf({ workload, name, reason, hint }: SurveyProblem): Problem {
  return { workload, name, reason, hint };
}

function registeredKeys(workload: Workload, actual: Actual): readonly RegisteredKey[] {
  return registeredFor(workload.name, actual).flatMap(({ name, id }) => {
    const mapping = actual.mappingOf(id);
    return mapping === undefined ? [] : [{ name, mapping }];
  });
}

/**
 * Those that the workload's drop-in names. What was registered once and has no line any more is not asked after in each run; without a
 * drop-in (Podman before 5.0, one that somebody removed) all that is registered counts.
 */
function keysWithLines(workload: Workload, { actual, dropInTexts }: Run): readonly RegisteredKey[] {
  const keys = registeredKeys(workload, actual);
  const text = dropInTexts.get(workload.unit);
  if (text === undefined) return keys;
  const lines = secretLines(text);
  return keys.filter(({ name }) => name !== undefined && lines.has(name));
}

function registeredMappings(workload: Workload, actual: Actual): readonly Mapping[] {
  return registeredKeys(workload, actual).map(({ mapping }) => mapping);
}

/** What this Podman cannot do, where it matters to the run. */
function podmanNotes(
  features: RegistryFeatures,
  workloads: readonly Workload[],
  parts: readonly RunPart[],
): readonly string[] {
  const replaced = parts.some(({ changes }) => changes.some(({ action }) => action === 'replace'));
  return [
    ...(!features.dropIns && workloads.length > 0 ? [noDropIns(features)] : []),
    ...(!features.replace && replaced
      ? [`podman ${features.version} can only remove and create: a start between the two finds no secret`]
      : []),
  ];
}

function chosen(workloads: readonly Workload[], request: SetupRequest): readonly Workload[] {
  const { provider, workload: name } = request;
  const named = workloads.filter(
    (workload) =>
      (provider === undefined || workload.provider === provider) && (name === undefined || workload.name === name),
  );
  if (named.length === 0 && name !== undefined) {
    throw new PsiError('USAGE', `no workload ${name} in the config`, {
      hint: `there are: ${workloads.map((workload) => workload.name).join(', ') || 'none'}`,
    });
  }
  return named;
}

function noDropIns(features: RegistryFeatures): string {
  return (
    `podman ${features.version} does not read quadlet drop-ins (5.0 does): secrets are registered and looked up, ` +
    'but `Secret=` lines have to be written by hand'
  );
}
