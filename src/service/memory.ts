// What a run took from the host goes back to it. V8 collects when it wants more memory: a service that idles after a setup of thousands of
// secrets would keep what that took until the next one.

import type { Clock } from '../core/clock.ts';

export type MemoryDeps = {
  readonly clock: Pick<Clock, 'sleep'>;
  /** All garbage at once. */
  readonly collect: () => void;
};

/** After the starts that a setup is followed by. More than once: V8 hands pages back that were empty at the collection before. */
const PAUSES_MS: readonly number[] = [5_000, 10_000, 10_000];

export class Memory {
  readonly #deps: MemoryDeps;
  #pending = new AbortController();

  constructor(deps: MemoryDeps) {
    this.#deps = deps;
  }

  /** Something large is over. What it took is given back soon, unless something large comes again. */
  ran(): void {
    this.stop();
    this.#pending = new AbortController();
    void this.#giveBack(this.#pending.signal);
  }

  stop(): void {
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
