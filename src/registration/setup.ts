// `psi setup`: survey → plan → apply, one workload after another, so that one workload's failure does not stop the others.

import { withDeadline } from '../core/deadline.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { WITHOUT_SECRETS } from '../core/quadlet-kinds.ts';
import type { Actual, Problem } from './plan.ts';
import { isPsiOptions } from './driver-command/options.ts';
import { secretLines } from './drop-in.ts';
import type { SecretUse, Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { DropInStore, Hider } from './drop-in-store.ts';
import type { QuadletDoubts } from './quadlet-doubts.ts';
import type { Quadlets } from './quadlets.ts';
import type { HeaderFile } from './driver-command/header-file.ts';
import type { RegistryFeatures, SecretRegistry } from './secret-registry.ts';
import { chosen, type SetupRequest, type SetupRun, type SetupTarget } from './setup-run.ts';
import { finishStep } from './finish-step.ts';
import type { Replaces } from './replaces.ts';
import { removedBy, shareOfUnclaimed, unclaimedStep } from './unclaimed-step.ts';
import type { ReloadDebt } from './reload-debt.ts';
import type { UnitManager } from './unit-manager.ts';
import { PlanCarrier } from './apply.ts';
import { fillCache, type CacheOutcome, type CacheSink, type Share } from '../cache/fill.ts';
import { survey, type Surveyed, type SurveyDeps } from '../survey/survey.ts';
import type { HostCurl } from '../lookup/host-curl.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { failureOf } from '../core/failure.ts';
import { guarded, partOf, reportOf, runPart, type RunPart } from './run-report.ts';
import type { SetupEvent, SetupOutcome, SetupReport } from './setup-events.ts';
import { heldKeys, lacksSecrets, notBegun, workloadStep, type WorkloadStep } from './workload-step.ts';

export type SetupDeps = {
  readonly registry: SecretRegistry;
  readonly replaces: Replaces;
  readonly mappings: MappingTable;
  readonly dropIns: DropInStore;
  readonly quadlets: Quadlets;
  readonly doubts: QuadletDoubts;
  readonly units: UnitManager;
  readonly reloadDebt: ReloadDebt;
  readonly headerFile: HeaderFile;
  readonly hostCurl: Pick<HostCurl, 'status'>;
  readonly clock: Clock;
  readonly cache: CacheSink | undefined;
};

/** An HSM takes seconds. */
const LONGEST_OPENING_MS = 15_000;

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
    const named = chosen(target.workloads, request);
    await this.#deps.mappings.readAgain();
    const finished = await guarded(undefined, () => finishStep(this.#deps.replaces, target, request));
    const run = await this.#begin(target, request, emit, signal).catch(toPsiError);
    if (run instanceof PsiError) return this.#withoutPodman(named, request, run);
    const restored = await guarded(undefined, () => this.#restore(run));
    const header = await guarded(undefined, () => this.#header(run));
    const lacking = request.boot ? named.filter((workload) => lacksSecrets(workload, run)) : [];
    const workloads = [...lacking, ...named.filter((workload) => !lacking.includes(workload))];
    const steps: WorkloadStep[] = [];
    const first = [finished, restored, header];
    const tellReady = (): Promise<void> => this.#tellReady(run, first, steps, workloads.length - steps.length);
    if (request.boot && lacking.length === 0) await tellReady();
    for await (const step of this.#steps(run, workloads)) {
      steps.push(step);
      if (lacking.length > 0 && steps.length === lacking.length) await tellReady();
    }
    const pattern = patternStep(target);
    const registered = [...first, ...pattern.parts, ...steps.flatMap(({ parts }) => parts)];
    const notes = [...podmanNotes(run.features, workloads, registered), ...curlNotes(this.#deps.hostCurl)];
    const unclaimedPart = await guarded(undefined, () => unclaimedStep(run, this.#deps.quadlets));
    const reload = await guarded(undefined, () => this.#reload(run));
    const shares = [...steps.map(({ share }) => share), shareOfUnclaimed(run, removedBy(unclaimedPart))];
    const cache = await this.#fill(run, shares, isWhole(target, workloads));
    const outcome = outcomeOf([...first, reload], [pattern, ...steps], unclaimedPart);
    const parts = [...registered, runPart({ notes }), unclaimedPart, reload];
    const ended = endOf(signal, parts);
    return reportOf({ dryRun: request.dryRun, outcome, ended }, parts, cache);
  }

  /** One for each workload, in their order. Once the run is ended the rest is left as it is, and told. */
  async *#steps(run: SetupRun, workloads: readonly Workload[]): AsyncGenerator<WorkloadStep, void, undefined> {
    const { emit, signal } = run;
    let done = 0;
    const tellNext = (): void => {
      const next = workloads[done];
      if (next) emit({ event: 'workload', workload: next.name, done, total: workloads.length });
    };
    tellNext();
    for await (const surveyed of survey(workloads, this.#surveyDeps(run), signal)) {
      if (signal.aborted && surveyed.outcome.kind === 'failed') break;
      yield await this.#step(run, surveyed);
      done += 1;
      if (signal.aborted) break;
      tellNext();
    }
    for (const workload of workloads.slice(done)) yield notBegun(run, workload);
  }

  async #step(run: SetupRun, { workload, outcome }: Surveyed): Promise<WorkloadStep> {
    const error = (await this.#withoutLines(workload)) ?? (await this.#refused(run, workload));
    const hidden = await this.#hidden(run, workload);
    const settled: Surveyed['outcome'] = error ? { kind: 'failed', error, sources: [] } : outcome;
    const step = await workloadStep(run, { workload, outcome: settled }, hidden);
    const notes = settled.kind === 'found' ? await this.#doubts(workload, settled.secrets) : [];
    return { ...step, parts: [...step.parts, runPart({ notes })] };
  }

  /** Whoever waits starts with what systemd has read: it reads before that is told. What fails of it is tried again at the end of the run. */
  async #tellReady(
    run: SetupRun,
    whole: readonly RunPart[],
    steps: readonly WorkloadStep[],
    rest: number,
  ): Promise<void> {
    const reload = await guarded(undefined, () => this.#reload(run));
    const pattern = patternStep(run.target);
    const parts = [...whole, ...pattern.parts, ...steps.flatMap((step) => step.parts), reload];
    const outcome = outcomeOf([...whole, reload], [pattern, ...steps], runPart({}));
    const report = reportOf({ dryRun: false, outcome, ended: endOf(run.signal, parts) }, parts, null);
    run.emit({ event: 'ready', report, rest });
  }

  /** Podman does not answer: where every workload has its lines, that is nothing which a start has to fail for. */
  async #withoutPodman(
    workloads: readonly Workload[],
    { dryRun }: SetupRequest,
    error: PsiError,
  ): Promise<SetupReport> {
    if (error.code !== 'HOST') throw error;
    const present = new Map((await this.#deps.dropIns.list()).map(({ unit, text }) => [unit, text]));
    const all = workloads.every(({ unit }) => secretLines(present.get(unit) ?? '').size > 0);
    if (workloads.length === 0 || !all) throw error;
    const failures = [{ workload: null, ...failureOf(error) }];
    return reportOf({ dryRun, outcome: 'left' }, [runPart({ failures })], null);
  }

  async #begin(
    target: SetupTarget,
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ): Promise<SetupRun> {
    const { registry, dropIns, mappings, cache, clock } = this.#deps;
    const [features, registered, present] = await Promise.all([
      registry.features(),
      registry.list(),
      dropIns.list(),
      // What is held from before decides how long a provider is waited for.
      opened(cache?.opening(), clock, signal),
    ]);
    mappings.learnNames(registered);
    const actual: Actual = {
      registered: new Map(registered.map((secret) => [secret.name, secret])),
      mappingOf: (id) => mappings.placeOf(id),
      names: { ...features.names, version: features.version },
      isOurs: ({ id, options }) => isPsiOptions(options) && !mappings.isOwn(id),
    };
    const { options, socketToken } = target;
    const apply = new PlanCarrier({ ...this.#deps, options, socketToken, emit, signal });
    return {
      target,
      options: target.options,
      replaces: request.boot || request.once ? 'later' : 'now',
      request,
      emit,
      signal,
      features,
      actual,
      dropIns: new Map(present.map(({ unit, text, misplaced = false }) => [unit, { text, misplaced }])),
      carryOut: (changes) =>
        request.dryRun ? Promise.resolve({ done: changes, failed: [], undone: [] }) : apply.all(changes),
    };
  }

  #surveyDeps(run: SetupRun): SurveyDeps {
    const { target, emit } = run;
    const { clock, cache } = this.#deps;
    const registered: SurveyDeps['registered'] = (workload) => heldKeys(workload, run);
    const known: SurveyDeps['known'] = (mapping) => cache?.find(mapping)?.fetched;
    const isServed: SurveyDeps['isServed'] = (workload) => {
      const keys = registered(workload);
      return keys.length > 0 && keys.every(({ mapping }) => mapping !== undefined && known(mapping) !== undefined);
    };
    const once = run.request.once === true;
    return { sourceOf: target.sourceOf, clock, emit, registered, known, isServed, once };
  }

  /** What is in memory alone would be gone after a restart: somebody removed the state folder, or files in it. */
  async #restore({ request }: SetupRun): Promise<RunPart> {
    const { mappings } = this.#deps;
    const lost = await mappings.lost();
    if (lost.length === 0) return runPart({});
    const files = `the mapping files of ${String(lost.length)} secrets`;
    if (request.dryRun) return runPart({ notes: [`the state folder lacks ${files}: setup writes them again`] });
    await mappings.writeAgain(lost);
    return runPart({ notes: [`the state folder lacked ${files}: they are written again`] });
  }

  async #header({ target, carryOut }: SetupRun): Promise<RunPart> {
    if (!target.socketToken || (await this.#deps.headerFile.holds(target.socketToken))) return runPart({});
    return partOf(undefined, await carryOut([{ action: 'write-header', workload: undefined }]));
  }

  /** Once for all drop-ins of the run, and only if one of them was changed, now or in a run that did not come so far. */
  async #reload({ request, emit }: SetupRun): Promise<RunPart> {
    const { reloadDebt, units } = this.#deps;
    if (!(await reloadDebt.owed())) return runPart({});
    if (request.dryRun) return runPart({ notes: ['systemd has yet to read drop-ins that an earlier run changed'] });
    emit({ event: 'reloading' });
    await units.reload();
    await reloadDebt.settle();
    return runPart({});
  }

  /** Beside a `.kube` or a `.pod` alone, a drop-in would be read by nobody. */
  async #withoutLines({ unit }: Workload): Promise<PsiError | undefined> {
    const path = await this.#deps.quadlets.namesake(unit).catch(() => undefined);
    if (path === undefined) return undefined;
    const { pod, kube } = WITHOUT_SECRETS;
    return new PsiError(
      'CONFIG_INVALID',
      `there is no ${unit}, and ${path} can have no secrets: its drop-in would be read by nobody`,
      {
        hint: path.endsWith('.pod') ? pod : kube,
      },
    );
  }

  /** The run is done without them: they keep nobody from anything. */
  async #doubts({ name, unit }: Workload, uses: readonly SecretUse[]): Promise<readonly string[]> {
    const doubts = uses.length === 0 ? [] : await this.#deps.doubts.of(unit, uses).catch(() => []);
    return doubts.map((doubt) => `${name}: ${doubt}`);
  }

  /** Somebody else's file in the place of the drop-in: then nothing of the workload is registered either. */
  async #refused({ features }: SetupRun, { unit }: Workload): Promise<PsiError | undefined> {
    return features.dropIns ? this.#deps.dropIns.refused(unit) : undefined;
  }

  /** Podman reads one file of a name: of two, the one in the folder that goes before. */
  async #hidden({ features }: SetupRun, { name: workload, unit }: Workload): Promise<readonly Problem[]> {
    if (!features.dropIns) return [];
    const hiders = await this.#deps.dropIns.hiders(unit).catch((): readonly Hider[] => []);
    return hiders.map(({ path, remedy }) => ({
      workload,
      name: path,
      reason: `it has the name of psi's drop-in of ${unit} and hides it: what starts with it starts without these secrets`,
      hint: `look at it, then ${remedy}`,
    }));
  }

  /** Null: there is no cache, or nothing is to be changed. `whole`: the run is about all workloads of the config. */
  async #fill({ request, emit }: SetupRun, shares: readonly Share[], whole: boolean): Promise<CacheOutcome | null> {
    const { cache } = this.#deps;
    if (!cache || request.dryRun) return null;
    emit({ event: 'caching' });
    return fillCache(cache, shares, { whole, replace: false });
  }
}

function outcomeOf(
  whole: readonly RunPart[],
  steps: readonly Pick<WorkloadStep, 'outcome'>[],
  { failures, left, undone }: RunPart,
): SetupOutcome {
  const outcomes = new Set(steps.map(({ outcome }) => outcome));
  if (whole.some((part) => part.failures.length > 0) || outcomes.has('failed')) return 'failed';
  return outcomes.has('left') || failures.length + left.length + undone.length > 0 ? 'left' : 'done';
}

function patternStep({ byPattern }: SetupTarget): Pick<WorkloadStep, 'parts' | 'outcome'> {
  return byPattern ? { parts: [byPattern.part], outcome: byPattern.outcome } : { parts: [], outcome: 'done' };
}

/** Is the run about all workloads there are? */
function isWhole({ workloads, byPattern }: SetupTarget, some: readonly Workload[]): boolean {
  return some.length === workloads.length && byPattern?.partial !== true;
}

/** An end that came when all was done changed nothing. */
function endOf(signal: AbortSignal, parts: readonly RunPart[]): string | undefined {
  const cut = signal.aborted && parts.some(({ undone }) => undone.length > 0);
  return cut ? toPsiError(signal.reason).message : undefined;
}

/** In time: a device that does not answer holds nothing up, the run is only more patient then. */
async function opened(opening: Promise<void> | undefined, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!opening) return;
  const bound = { ms: LONGEST_OPENING_MS, what: 'the opening of the cache' };
  await withDeadline(clock, bound, () => opening, signal).catch(() => undefined);
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

/** What is worse with the curl of this host, as far as requests of it have come; those of this run's own creates are the last. */
function curlNotes({ status }: Pick<HostCurl, 'status'>): readonly string[] {
  const { version, limit = null } = status ?? {};
  return version === undefined || limit === null ? [] : [`curl ${version} on this host: ${limit}`];
}

function noDropIns(features: RegistryFeatures): string {
  return (
    `podman ${features.version} does not read quadlet drop-ins (5.0 does): secrets are registered and looked up, ` +
    'but `Secret=` lines have to be written by hand'
  );
}
