// What setups left is tried again by the service itself: nobody has to notice, and no host waits for its reboot. One timer, with pauses that
// grow to an hour, until nothing is left.

import { toPsiError, type PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import { doublingPauses } from '../core/retry.ts';
import { both, debtAfter, leftItems, type LeftItem, type SetupDebt, type SetupDebtStore } from './setup-debt.ts';
import { isoTimeOrNull } from '../core/time.ts';
import type { OwedSetup } from '../lookup/status.ts';
import type { SetupReport } from './setup-events.ts';

export type OwedLog = {
  /** After a setup. `next`: ms since the epoch; undefined: there is nothing that the service could do. */
  readonly left: (items: readonly LeftItem[], next: number | undefined) => void;
  /** Nothing is left any more of what was. */
  readonly mended: () => void;
  /** A try ended before it came to its work, for a reason that the one before had not. */
  readonly failed: (error: PsiError) => void;
  /** It is in memory alone. */
  readonly notKept: (error: PsiError) => void;
};

export type OwedSetupsDeps = {
  readonly store: SetupDebtStore;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly firstPauseMs: number;
  readonly log: OwedLog;
};

/** Does what is owed; resolves when it has ended, however. */
export type DoOwed = (debt: SetupDebt, signal: AbortSignal) => Promise<void>;

const LONGEST_PAUSE_MS = 3_600_000;
/** Many hosts of one provider must not come at the same moment: a pause is shortened by up to so much of it. */
const JITTER = 0.25;

export class OwedSetups {
  readonly #deps: OwedSetupsDeps;
  readonly #stopped = new AbortController();
  #do: DoOwed | undefined;
  #debt: SetupDebt | undefined;
  #items: readonly LeftItem[] = [];
  #pauses: Iterator<number, never>;
  #timer: { readonly due: number; readonly cancel: () => void } | undefined;
  #running = false;
  /** What was owed before the setup that is under way: what that one is about is told when it has ended. */
  #before: { readonly debt: SetupDebt | undefined } | undefined;
  #lastFailure: string | undefined;

  constructor(deps: OwedSetupsDeps) {
    this.#deps = deps;
    this.#pauses = this.#fromTheFirst();
  }

  /** Takes over what an earlier process left. */
  async start(work: DoOwed): Promise<void> {
    this.#do = work;
    const kept = await this.#deps.store.read();
    if (kept) this.#debt = both(this.#debt, kept);
    this.arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopped.abort(new Error('psi stops'));
  }

  /** When the next try begins, in ms since the epoch; undefined: nothing is owed, or it is being tried. */
  get next(): number | undefined {
    return this.debt && this.#timer?.due;
  }

  /** Of setups that have ended. */
  get debt(): SetupDebt | undefined {
    return this.#before ? this.#before.debt : this.#debt;
  }

  status(): OwedSetup | null {
    const { debt } = this;
    if (!debt) return null;
    return { workloads: debt.workloads ?? null, nextTry: isoTimeOrNull(this.next) };
  }

  get items(): readonly LeftItem[] {
    return this.#items;
  }

  /** Somebody took these away: nothing of them is left as it was. */
  gone(subjects: readonly string[]): void {
    this.#items = this.#items.filter(({ subject }) => subject === undefined || !subjects.includes(subject));
  }

  /** A setup is about to change things: until it has ended well, what it is about is owed, also through a kill. */
  async began(about: SetupDebt): Promise<SetupDebt | undefined> {
    const before = this.#debt;
    this.#before = { debt: before };
    this.#timer?.cancel();
    this.#timer = undefined;
    // Somebody runs a setup: what was in the way may be mended.
    if (!this.#running) this.#pauses = this.#fromTheFirst();
    await this.#keep(both(before, about));
    return before;
  }

  /** Resolves to when the next try begins. */
  async ended(before: SetupDebt | undefined, about: SetupDebt, report: SetupReport): Promise<number | undefined> {
    const had = this.#items.length > 0 || before !== undefined;
    this.#before = undefined;
    const others = this.#items.filter(({ subject }) => isOfOthers(subject, about));
    this.#items = [...others, ...leftItems(report)];
    this.#lastFailure = undefined;
    await this.#keep(debtAfter(before, about, report));
    this.arm();
    if (report.outcome !== 'done') this.#deps.log.left(leftItems(report), this.next);
    else if (had && this.#items.length === 0 && !this.#debt) this.#deps.log.mended();
    return this.next;
  }

  /** A setup ended before its report. `owed`: what is owed from now on. */
  async interrupted(owed: SetupDebt | undefined, error: PsiError): Promise<void> {
    this.#before = undefined;
    await this.#keep(owed);
    if (owed)
      this.#items = [{ subject: undefined, message: `setup ended early: ${error.message}`, hint: error.hint ?? null }];
    this.arm();
  }

  /** Sees to it that there is a timer where something is owed. */
  arm(): void {
    if (!this.#debt || this.#timer || this.#stopped.signal.aborted) return;
    const ms = Math.round(this.#pauses.next().value * (1 - JITTER * this.#deps.random()));
    const cancelled = new AbortController();
    this.#timer = {
      due: this.#deps.clock.now() + ms,
      cancel: () => {
        cancelled.abort(new Error('another setup'));
      },
    };
    void this.#deps.clock.sleep(ms, cancelled.signal).then(
      () => this.#try(),
      () => undefined,
    );
  }

  async #try(): Promise<void> {
    this.#timer = undefined;
    const { signal } = this.#stopped;
    if (!this.#debt || !this.#do || signal.aborted) return;
    this.#running = true;
    try {
      await this.#do(this.#debt, signal);
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (!this.#stopped.signal.aborted && error.message !== this.#lastFailure) this.#deps.log.failed(error);
      this.#lastFailure = error.message;
    } finally {
      this.#running = false;
      this.arm();
    }
  }

  async #keep(debt: SetupDebt | undefined): Promise<void> {
    this.#debt = debt;
    try {
      await (debt ? this.#deps.store.write(debt) : this.#deps.store.clear());
    } catch (thrown) {
      this.#deps.log.notKept(toPsiError(thrown));
    }
  }

  #fromTheFirst(): Iterator<number, never> {
    return doublingPauses(this.#deps.firstPauseMs, LONGEST_PAUSE_MS);
  }
}

function isOfOthers(subject: string | undefined, { workloads }: SetupDebt): boolean {
  return workloads !== undefined && subject !== undefined && !workloads.includes(subject);
}
