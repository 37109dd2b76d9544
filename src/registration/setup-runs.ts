// Around each setup and each prune: one at a time, with the config as it is in the file now. A dry run does not make that config the running
// one, and a prune neither.

import { Turns, type EndTurn } from '../core/turns.ts';
import type { Setup } from './setup.ts';
import type { SetupRequest, SetupTarget } from './setup-run.ts';
import type { SetupEvent, SetupReport } from './setup-events.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Workload } from '../core/workload.ts';
import type { WorkloadsByPattern } from './pattern.ts';
import type { Prune, PruneRequest } from './prune.ts';
import type { PruneReport } from './prune-report.ts';
import { reportOf } from './run-report.ts';
import { isoTime } from '../core/time.ts';
import type { OwedReplaces } from './owed-replaces.ts';
import type { OwedSetups } from './owed-setups.ts';
import { both, type SetupDebt } from './setup-debt.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { StatusBoard } from '../lookup/status.ts';

export type Candidate = {
  readonly target: SetupTarget;
  /** What is to be said of the config that stops nothing. */
  readonly notes: readonly string[];
  /** Makes this config the one that lookups use. Lookups by what was valid before still work until `settle`. */
  readonly activate: () => Promise<void>;
  /** The registrations follow the new config now: what only the old one allowed ends. */
  readonly settle: () => void;
};

export type SetupRunsDeps = {
  readonly setup: Pick<Setup, 'run'>;
  readonly prune: Pick<Prune, 'run'>;
  readonly patterns: Pick<WorkloadsByPattern, 'resolve' | 'claimed'>;
  readonly status: Pick<StatusBoard, 'setup' | 'setupFailed'>;
  readonly mappings: Pick<MappingTable, 'saveNames'>;
  /** Reads and checks the config anew; a bad one is thrown and changes nothing. */
  readonly load: () => Promise<Candidate>;
  /** What is to be said of the host, which keeps no setup from its work. */
  readonly hostNotes: () => Promise<readonly string[]>;
  /** What Podman has is another one afterwards. */
  readonly replaces: Pick<OwedReplaces, 'ranSetup'>;
  readonly owed: Pick<OwedSetups, 'arm' | 'began' | 'ended' | 'interrupted' | 'gone'>;
};

export class SetupRuns {
  readonly #deps: SetupRunsDeps;
  readonly #turns = new Turns(1);
  readonly #stopped = new AbortController();
  /** Runs, and those that wait for their turn. */
  #asked = 0;

  constructor(deps: SetupRunsDeps) {
    this.#deps = deps;
  }

  /** With `boot` nobody may be left who listens: a stop of PSI ends it too. */
  async run(request: SetupRequest, emit: (event: SetupEvent) => void, asked: AbortSignal): Promise<SetupReport> {
    const signal = request.boot ? AbortSignal.any([asked, this.#stopped.signal]) : asked;
    const end = await this.#turn(emit, signal).catch(() => undefined);
    if (!end) return endedWhileWaiting(request, signal);
    try {
      return await this.#one(request, emit, signal).catch((thrown: unknown) =>
        this.#failed(request, toPsiError(thrown)),
      );
    } finally {
      end();
      this.#deps.owed.arm();
      if (!request.dryRun && !request.once) this.#deps.replaces.ranSetup();
    }
  }

  stop(): void {
    this.#stopped.abort(new PsiError('SERVICE_DOWN', 'psi stops'));
  }

  async prune(request: PruneRequest, emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<PruneReport> {
    const end = await this.#turn(emit, signal);
    try {
      const { target, notes } = await this.#deps.load();
      const { workloads: named, options, socketToken } = target;
      const only = request.workload;
      refuseConfigured(named, only);
      const byPattern = await this.#deps.patterns.claimed(target, only, signal);
      refuseByPattern(byPattern, only);
      const wish = { workloads: [...named, ...byPattern], only };
      const report = await this.#deps.prune.run({ wish, commands: { options, socketToken }, emit, signal }, request);
      if (report.applied) this.#deps.owed.gone(report.removals.map(({ target: removed }) => removed));
      return { ...report, notes: [...notes, ...report.notes] };
    } finally {
      end();
      if (request.apply) this.#deps.replaces.ranSetup();
    }
  }

  /** Something short of the service's own, when none of them is under way; those that come meanwhile wait for it. */
  async alone<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const end = await this.#turns.take(signal);
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Rejects when the signal aborts before. */
  async #turn(emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<EndTurn> {
    if (this.#asked > 0) emit({ event: 'waiting', message: 'another setup is running; waiting for it' });
    this.#asked += 1;
    const left = (): void => {
      this.#asked -= 1;
    };
    try {
      const end = await this.#turns.take(signal);
      return () => {
        left();
        end();
      };
    } catch (thrown) {
      left();
      throw thrown;
    }
  }

  /** What earlier runs left. Not while somebody's own is running or waiting: it may do all of it, and says what it leaves. */
  async owed({ workloads }: SetupDebt, signal: AbortSignal): Promise<void> {
    if (this.#asked > 0) return;
    // Somebody's own setup may come meanwhile, and the next try is the pause.
    const request = {
      provider: undefined,
      workload: undefined,
      dryRun: false,
      once: true as const,
      ...(workloads && { workloads }),
    };
    await this.run(request, () => undefined, signal);
  }

  async #one(request: SetupRequest, emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<SetupReport> {
    const candidate = await this.#deps.load();
    if (!request.dryRun) await candidate.activate();
    const target = await this.#withPattern(candidate.target, request, emit, signal);
    const run = await this.#owing(request, target, () =>
      this.#withNamesKept(request, () => this.#deps.setup.run(target, request, emit, signal)),
    );
    const ofHost = await this.#deps.hostNotes().catch(() => []);
    const report = { ...run, notes: [...candidate.notes, ...run.notes, ...ofHost] };
    const whole = about(request, target).workloads === undefined;
    // Problems are of single secrets that are not registered, or only not readable: none of them still asks with what was valid before.
    const followed = report.failures.length === 0 && report.ended === null;
    if (!request.dryRun && whole && followed) candidate.settle();
    this.#deps.status.setup(report, whole);
    return report;
  }

  /** The workloads of the config and those by its pattern, as they are now. */
  async #withPattern(
    target: SetupTarget,
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ): Promise<SetupTarget> {
    const byPattern = await this.#deps.patterns.resolve(target, request, emit, signal);
    return { ...target, workloads: [...target.workloads, ...byPattern.workloads], byPattern };
  }

  /** But for a command line that asks for what is not there. */
  #failed({ dryRun }: SetupRequest, error: PsiError): never {
    if (!dryRun && error.code !== 'USAGE') this.#deps.status.setupFailed(error);
    throw error;
  }

  // Whatever ends a run, what it has not done is owed; but for a command line that asks for what is not there.
  async #owing(request: SetupRequest, target: SetupTarget, run: () => Promise<SetupReport>): Promise<SetupReport> {
    if (request.dryRun) return run();
    const { owed } = this.#deps;
    const what = about(request, target);
    const before = await owed.began(what);
    try {
      const report = await run();
      const next = await owed.ended(before, what, report);
      return { ...report, nextTry: next === undefined ? null : isoTime(next) };
    } catch (thrown) {
      const error = toPsiError(thrown);
      await owed.interrupted(error.code === 'USAGE' ? before : both(before, what), error);
      throw thrown;
    }
  }

  // What was registered is, also by a run that was ended: that the next start does not know its names is worth a note.
  async #withNamesKept({ dryRun }: SetupRequest, run: () => Promise<SetupReport>): Promise<SetupReport> {
    if (dryRun) return run();
    const names = (): Promise<void> => this.#deps.mappings.saveNames();
    const report = await run().catch(async (thrown: unknown) => {
      await names().catch(() => undefined);
      throw thrown;
    });
    try {
      await names();
      return report;
    } catch (thrown) {
      const note = `${toPsiError(thrown).message}: after a restart messages show ids until the next setup`;
      return { ...report, notes: [...report.notes, note] };
    }
  }
}

function refuseConfigured(workloads: readonly Workload[], only: string | undefined): void {
  if (!workloads.some(({ name }) => name === only)) return;
  throw new PsiError('USAGE', `the config has the workload ${only ?? ''}: its secrets are in use`, {
    hint: 'take it out of `workloads:` in the config first, then run this again',
  });
}

function refuseByPattern(workloads: readonly Workload[], only: string | undefined): void {
  if (!workloads.some(({ name }) => name === only)) return;
  throw new PsiError(
    'USAGE',
    `the workload ${only ?? ''} has secrets by "*" of the config: its folder is at the provider`,
    {
      hint: `remove its quadlet or its folder first, or name it in the config without secrets (\`${only ?? ''}: {}\`); then run this again`,
    },
  );
}

function about({ provider, workload, workloads: only }: SetupRequest, { workloads }: SetupTarget): SetupDebt {
  if (provider === undefined && workload === undefined && only === undefined) return { workloads: undefined };
  const named = workloads.filter((one) => {
    return (provider === undefined || one.provider === provider) && (workload === undefined || one.name === workload);
  });
  // A name that the config has no more is done with, too.
  return { workloads: only ?? named.map(({ name }) => name) };
}

function endedWhileWaiting({ dryRun }: SetupRequest, { reason }: AbortSignal): SetupReport {
  return reportOf({ dryRun, outcome: 'left', ended: toPsiError(reason).message }, [], null);
}

/** For the log, where nobody is left to be told what was done. */
export function endedUntold({ changes, ended }: SetupReport): PsiError {
  const done = `${String(changes.length)} ${changes.length === 1 ? 'change was' : 'changes were'} made before`;
  return new PsiError('INTERNAL', `setup was ended: ${ended?.reason ?? 'the command went away'}; ${done}`, {
    hint: 'run `podman exec psi psi setup` again: it goes on where it was',
  });
}
