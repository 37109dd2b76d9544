// Around each setup: one at a time, with the config as it is in the file now. A dry run does not make that config the running one.

import { Mutex } from '../core/mutex.ts';
import type { Setup, SetupRequest, SetupTarget } from './setup.ts';
import type { SetupEvent, SetupReport } from './setup-events.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { StatusBoard } from '../lookup/status.ts';

export type Candidate = {
  readonly target: SetupTarget;
  /** Makes this config the one that lookups use. Lookups by what was valid before still work until `settle`. */
  readonly activate: () => void;
  /** The registrations follow the new config now: what only the old one allowed ends. */
  readonly settle: () => void;
};

export type SetupRunsDeps = {
  readonly setup: Pick<Setup, 'run'>;
  readonly status: Pick<StatusBoard, 'setup'>;
  readonly mappings: Pick<MappingTable, 'saveNames'>;
  /** Reads and checks the config anew; a bad one is thrown and changes nothing. */
  readonly load: () => Promise<Candidate>;
};

export class SetupRuns {
  readonly #deps: SetupRunsDeps;
  readonly #oneByOne = new Mutex();

  constructor(deps: SetupRunsDeps) {
    this.#deps = deps;
  }

  run(request: SetupRequest, emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<SetupReport> {
    if (this.#oneByOne.busy) emit({ event: 'waiting', message: 'another setup is running; waiting for it' });
    return this.#oneByOne.run(() => this.#one(request, emit, signal));
  }

  async #one(request: SetupRequest, emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<SetupReport> {
    signal.throwIfAborted();
    const candidate = await this.#deps.load();
    if (!request.dryRun) candidate.activate();
    const report = await this.#withNamesKept(request, () =>
      this.#deps.setup.run(candidate.target, request, emit, signal),
    );
    const whole = request.provider === undefined && request.workload === undefined;
    // Problems are of single secrets that are not registered, or only not readable: none of them still asks with what was valid before.
    const followed = report.failures.length === 0;
    if (!request.dryRun && whole && followed) candidate.settle();
    this.#deps.status.setup(report);
    if (signal.aborted) throw endedWith(signal.reason, report);
    return report;
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

/** For the log: nobody else is there to be told what was done. */
function endedWith(reason: unknown, { changes }: SetupReport): PsiError {
  const { code, message } = toPsiError(reason);
  const done = `${String(changes.length)} ${changes.length === 1 ? 'change was' : 'changes were'} made before`;
  return new PsiError(code, `setup was ended: ${message}; ${done}`, {
    hint: 'run `podman exec psi psi setup` again: it goes on where it was',
  });
}
