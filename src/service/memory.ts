// What a run took from the host goes back to it. V8 collects when it wants more memory: a service that idles after a setup of thousands of
// secrets would keep what that took until the next one.

import type { Clock } from '../core/clock.ts';

export type MemoryDeps = {
  readonly clock: Pick<Clock, 'sleep'>;
  /** All garbage at once. */
  readonly collect: () => void;
  /** From then on less garbage lies about. */
  readonly bound: () => void;
};

/** A start fills the heap with what stays: to collect meanwhile would cost it a tenth of its time. */
const START_MS = 1_000;

/** After the starts that a setup is followed by. More than once: V8 hands pages back that were empty at the collection before. */
const PAUSES_MS: readonly number[] = [5_000, 10_000, 10_000];

export class Memory {
  readonly #deps: MemoryDeps;
  readonly #starting = new AbortController();
  #pending = new AbortController();
  #stopped = false;

  constructor(deps: MemoryDeps) {
    this.#deps = deps;
  }

  /** Lookups are answered from here on. */
  started(): void {
    void this.#deps.clock.sleep(START_MS, this.#starting.signal).then(this.#deps.bound, () => undefined);
  }

  /** Something large is over. What it took is given back soon, unless something large comes again. */
  ran(): void {
    this.#pending.abort();
    // A run that a stop ends is over after the stop, and a wait would hold the end up.
    if (this.#stopped) return;
    this.#pending = new AbortController();
    void this.#giveBack(this.#pending.signal);
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#starting.abort();
    this.#pending.abort();
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    for (const pause of PAUSES_MS) {
      await this.#deps.clock.sleep(pause, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#deps.collect();
    }
  }
}
