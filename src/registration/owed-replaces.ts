// What the service sees to by itself: a secret that a replace left gone is created again at once, and secrets that have the driver commands of
// an earlier config or PSI get those of now, one after another, when the host has had its starts.

import { withDeadline } from '../core/deadline.ts';
import { toPsiError, type PsiError } from '../core/error.ts';
import type { WorkloadFailure } from '../core/failure.ts';
import type { Clock } from '../core/clock.ts';
import { workloadOf } from '../core/naming.ts';
import { doublingPauses, withRetries } from '../core/retry.ts';
import { SingleFlight } from '../core/single-flight.ts';
import { isoTimeOrNull } from '../core/time.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { OwedReplacesStatus, ServiceProblem } from '../lookup/status.ts';
import { dueReplaces, type DueReplaces } from './due-replaces.ts';
import { firstOf } from './finish-step.ts';
import { sameOptions, type DriverOptions, type RegisteredSecret } from './registered-secret.ts';
import type { CommandsOfNow, Replaces, ToReplace } from './replaces.ts';
import type { SecretRegistry } from './secret-registry.ts';
import type { SetupTarget } from './setup-run.ts';

export type OwedReplacesLog = {
  readonly begins: (count: number) => void;
  /** All that was due is done. */
  readonly done: (count: number) => void;
  readonly madeAgain: (names: readonly string[]) => void;
  /** For a reason that the one before had not. */
  readonly failed: (error: Pick<PsiError, 'message' | 'hint'>) => void;
};

export type OwedReplacesDeps = {
  readonly registry: Pick<SecretRegistry, 'features' | 'list'>;
  readonly mappings: Pick<MappingTable, 'get' | 'readRest' | 'saveNames' | 'whyMissing'>;
  readonly replaces: Replaces;
  readonly clock: Clock;
  /** Of the config that the service runs with; undefined: it has none. */
  readonly target: () => Pick<SetupTarget, 'options' | 'socketToken' | 'workloads'> | undefined;
  /** Between two runs of setup and prune, not beside one. */
  readonly alone: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
  /** How many have been answered since the start. */
  readonly lookups: () => number;
  /** After a start of PSI and after a setup. */
  readonly firstPauseMs: number;
  readonly log: OwedReplacesLog;
};

/** Between two secrets: a start that comes meanwhile has Podman's lock to itself, but for one replace. */
const PAUSE_MS = 500;
/** So long without a lookup, no start is under way; and so long it is waited for. */
const QUIET_MS = 250;
const QUIET_MOST_MS = 2_000;
/** One try more: Podman may have been restarting. */
const AGAIN_MS: readonly number[] = [1_000];
/** Before a round that failed is begun anew. A secret that is gone keeps its workload from starting. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 600_000;
/** For whoever asks for the status. */
const LOOK_MS = 2_000;

export class OwedReplaces {
  readonly #deps: OwedReplacesDeps;
  readonly #stopped = new AbortController();
  #timer: { readonly due: number; readonly cancel: AbortController } | undefined;
  #retries = pausesFromTheFirst();
  /** On the clock: before that the host may be booting. */
  #notBefore = 0;
  /** How many secrets wait for it; undefined: nobody has looked since the start or the last setup. */
  #due: number | undefined;
  /** Podman can only remove and create. */
  #byHand = false;
  #lost: readonly RegisteredSecret[] = [];
  #failed: readonly WorkloadFailure[] = [];
  readonly #looks = new SingleFlight<'look', DueReplaces>();
  /** Of the round that is under way: another one is wanted, with what is there by then. */
  #round: AbortController | undefined;
  #lastFailure: string | undefined;

  constructor(deps: OwedReplacesDeps) {
    this.#deps = deps;
  }

  /** Once lookups are answered. */
  start(): void {
    this.#again();
  }

  stop(): void {
    this.#stopped.abort(new Error('psi stops'));
  }

  /** After a setup or a prune: what is there has changed, and the config may have. */
  ranSetup(): void {
    this.#retries = pausesFromTheFirst();
    // What failed is seen to, or is found again.
    this.#failed = [];
    this.#again();
  }

  /** Null: as far as is known, there are none. */
  status(): OwedReplacesStatus | null {
    const count = this.#due ?? 0;
    return count === 0 ? null : { secrets: count, next: isoTimeOrNull(this.#timer?.due), byHand: this.#byHand };
  }

  problems(): readonly ServiceProblem[] {
    const { unread } = this.#deps.replaces;
    return [
      ...(unread ? [problem(null, unread.message, unread.hint)] : []),
      ...this.#failed.map(({ workload, message, hint }) => problem(workload, message, hint)),
      ...this.#lostProblems(),
    ];
  }

  /** Counts what is due, where nobody has since the last setup. Never rejects, and ends within two seconds. */
  async look(): Promise<void> {
    const target = this.#deps.target();
    if (this.#due !== undefined || this.#round || !target || this.#stopped.signal.aborted) return;
    const bound = { ms: LOOK_MS, what: 'a look at podman' };
    const look = (): Promise<unknown> => this.#looks.run('look', () => this.#lookNow(target.options));
    await withDeadline(this.#deps.clock, bound, look).catch(() => undefined);
  }

  #again(): void {
    const { clock, firstPauseMs, replaces } = this.#deps;
    this.#round?.abort(new Error('a setup came'));
    this.#due = undefined;
    this.#notBefore = clock.monotonic() + firstPauseMs;
    this.#in(replaces.unfinished.length > 0 ? 0 : firstPauseMs);
  }

  #in(ms: number): void {
    if (this.#stopped.signal.aborted) return;
    const { clock } = this.#deps;
    this.#timer?.cancel.abort();
    const cancel = new AbortController();
    this.#timer = { due: clock.now() + ms, cancel };
    void clock.sleep(ms, AbortSignal.any([cancel.signal, this.#stopped.signal])).then(
      () => this.#run(),
      () => undefined,
    );
  }

  async #run(): Promise<void> {
    // The one under way was told to end: whatever it is at is short.
    if (this.#round) {
      this.#in(PAUSE_MS);
      return;
    }
    this.#timer = undefined;
    const round = new AbortController();
    this.#round = round;
    const signal = AbortSignal.any([round.signal, this.#stopped.signal]);
    let next: number | undefined;
    try {
      next = await this.#work(signal);
    } catch (thrown) {
      if (!signal.aborted) next = this.#couldNotAsk(toPsiError(thrown));
    } finally {
      this.#round = undefined;
      // After a restart messages would show ids, until the next setup.
      void this.#deps.mappings.saveNames().catch(() => undefined);
    }
    if (next !== undefined && !round.signal.aborted) this.#in(next);
  }

  /** Resolves to the pause before the next round; undefined: there is nothing left to do. */
  async #work(signal: AbortSignal): Promise<number | undefined> {
    const { clock, replaces } = this.#deps;
    const target = this.#deps.target();
    if (!target) return this.#retries.next().value;
    if (replaces.unfinished.length > 0) {
      const failed = await this.#finish(target, signal);
      if (failed.length > 0) return this.#failedRound(failed);
    }
    const early = this.#notBefore - clock.monotonic();
    if (early > 0) return early;
    return this.#replaceAll(target, signal);
  }

  async #finish(target: CommandsOfNow, signal: AbortSignal): Promise<readonly WorkloadFailure[]> {
    const { alone, log, replaces } = this.#deps;
    const { made, failed } = await alone(() => replaces.finish(target), signal);
    if (made.length > 0) log.madeAgain(made);
    if (failed.length === 0) this.#mended();
    return failed;
  }

  async #replaceAll(target: CommandsOfNow, signal: AbortSignal): Promise<number | undefined> {
    const { log, registry } = this.#deps;
    const { due } = await this.#lookNow(target.options);
    if (due.length === 0) {
      this.#mended();
      return undefined;
    }
    // Before 4.7 a start between the two steps would find no secret: somebody has to choose the moment.
    this.#byHand = !(await registry.features()).replace;
    if (this.#byHand) return undefined;
    log.begins(due.length);
    const failed: WorkloadFailure[] = [];
    for (const one of due) {
      await this.#quiet(signal);
      signal.throwIfAborted();
      const now = this.#deps.target();
      if (!now || !sameOptions(target.options, now.options)) return PAUSE_MS;
      const error = await this.#replace(one, target, signal);
      if (!error) this.#due = Math.max(0, (this.#due ?? 0) - 1);
      else failed.push({ workload: one.workload ?? null, ...plain(error), message: notReplaced(one, error) });
      if (error?.details['answered'] === false) break;
    }
    if (failed.length > 0) return this.#failedRound(failed);
    log.done(due.length);
    this.#mended();
    return undefined;
  }

  /** In one turn, so that a setup waits for one secret alone. What fails may be gone now: it is created again at once, if that can be. */
  #replace(one: ToReplace, target: CommandsOfNow, signal: AbortSignal): Promise<PsiError | undefined> {
    const { alone, clock, replaces } = this.#deps;
    return alone(async () => {
      try {
        await withRetries({ pausesMs: AGAIN_MS }, { clock, signal }, (attempt) =>
          replaces.replace(one, target, attempt),
        );
        return undefined;
      } catch (thrown) {
        await replaces.finish(target).catch(() => undefined);
        return toPsiError(thrown);
      }
    }, signal);
  }

  async #quiet(signal: AbortSignal): Promise<void> {
    const { clock, lookups } = this.#deps;
    await clock.sleep(PAUSE_MS, signal);
    for (let waited = 0; waited < QUIET_MOST_MS; waited += QUIET_MS) {
      const before = lookups();
      await clock.sleep(QUIET_MS, signal);
      if (lookups() === before) return;
    }
  }

  async #lookNow(options: DriverOptions): Promise<DueReplaces> {
    const { mappings, registry } = this.#deps;
    await mappings.readRest();
    const found = dueReplaces(await registry.list(), options, (id) => mappings.get(id));
    this.#due = found.due.length;
    // One that cannot be read is named with its file.
    this.#lost = found.lost.filter(({ id }) => mappings.whyMissing(id) === undefined);
    return found;
  }

  /** Where nothing is known to be owed, a Podman that does not answer is no problem of a start. */
  #couldNotAsk(error: PsiError): number {
    const { unfinished } = this.#deps.replaces;
    const what =
      unfinished.length > 0
        ? `podman may have lost ${firstOf(unfinished)} in the middle of a replace`
        : 'whether secrets have the driver commands of before cannot be told';
    const failure = { workload: null, ...plain(error), message: `${what}: ${error.message}` };
    const next = this.#failedRound([failure]);
    if (unfinished.length === 0 && !this.#due) this.#failed = [];
    return next;
  }

  #failedRound(failed: readonly WorkloadFailure[]): number {
    this.#failed = failed;
    const [first] = failed;
    if (first && first.message !== this.#lastFailure)
      this.#deps.log.failed({ message: first.message, hint: first.hint ?? undefined });
    this.#lastFailure = first?.message;
    return this.#retries.next().value;
  }

  #mended(): void {
    this.#failed = [];
    this.#lastFailure = undefined;
    this.#retries = pausesFromTheFirst();
  }

  #lostProblems(): readonly ServiceProblem[] {
    const known = new Set(this.#deps.target()?.workloads.map(({ name }) => name));
    const ofConfig = this.#lost.filter(({ workload, name }) => known.has(workload ?? workloadOf(name) ?? ''));
    const others = this.#lost.filter((one) => !ofConfig.includes(one));
    return [
      ...lostProblem(ofConfig, 'run `podman exec psi psi setup`: it writes it anew'),
      ...lostProblem(others, 'no workload of the config has it: `podman exec psi psi prune` says what would go'),
    ];
  }
}

function pausesFromTheFirst(): Iterator<number, never> {
  return doublingPauses(FIRST_RETRY_MS, LONGEST_RETRY_MS);
}

function plain({ code, message, hint }: PsiError): Pick<WorkloadFailure, 'code' | 'message' | 'hint'> {
  return { code, message, hint: hint ?? null };
}

function notReplaced({ current }: ToReplace, { message }: PsiError): string {
  return `${current.name} keeps the driver commands of before: ${message}`;
}

const SETUP = 'podman exec psi psi setup';

function problem(subject: string | null, message: string, hint: string | null | undefined): ServiceProblem {
  const again = `it is tried again by itself; to try now: \`${SETUP}\``;
  const whole = hint === null || hint === undefined ? again : hint.includes(SETUP) ? hint : `${hint}; ${again}`;
  return { severity: 'error', subject, message, hint: whole };
}

function lostProblem(lost: readonly RegisteredSecret[], hint: string): readonly ServiceProblem[] {
  if (lost.length === 0) return [];
  const names = firstOf(lost.map(({ name }) => name));
  const message = `the mapping is lost of ${names}: lookups fail, and the driver commands stay those of before`;
  return [{ severity: 'error', subject: null, message, hint }];
}
