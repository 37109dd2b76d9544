// A clock that stands still until a test advances it. Sleepers wake in order of their due time, and what they do then is
// finished before the next one wakes.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/core/clock.ts';

type Sleeper = { readonly due: number; readonly wake: () => void };

export class FakeClock implements Clock {
  #start: number;
  #elapsed = 0;
  #sleepers: readonly Sleeper[] = [];
  #watchers: readonly { readonly count: number; readonly resolve: () => void }[] = [];

  /** `startMs`: the wall clock at the beginning. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#start = startMs;
  }

  /** How many sleeps are running. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  /** Somebody sets the wall clock; what is monotonic does not notice. */
  setWall(now: number): void {
    this.#start = now - this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        this.#drop(sleeper);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the port promises the signal's reason
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        due: this.#elapsed + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', abort);
          this.#drop(sleeper);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#sleepers = [...this.#sleepers, sleeper];
      for (const watcher of this.#watchers) if (this.sleeping >= watcher.count) watcher.resolve();
    });
  }

  /** Moves time on, waking everybody who is due on the way; sleeps that begin meanwhile count too. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await nextTurn();
    for (let next = this.#firstDue(end); next; next = this.#firstDue(end)) {
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.wake();
      await nextTurn();
    }
    this.#elapsed = end;
  }

  /** Resolves as soon as at least `count` sleeps are running, so that a test can advance at the right moment. */
  untilSleeping(count = 1): Promise<void> {
    if (this.sleeping >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#watchers = [...this.#watchers, { count, resolve }];
    });
  }

  #firstDue(end: number): Sleeper | undefined {
    return this.#sleepers
      .filter((sleeper) => sleeper.due <= end)
      .reduce<Sleeper | undefined>(
        (first, sleeper) => (first && first.due <= sleeper.due ? first : sleeper),
        undefined,
      );
  }

  #drop(sleeper: Sleeper): void {
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
  }
}
