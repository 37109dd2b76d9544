// When the cache is saved: a burst of changes becomes one save after it, a long one a save every few seconds, a failed save is tried again.
// Knows nothing of what is saved.

import type { Clock } from '../core/clock.ts';
import { Mutex } from '../core/mutex.ts';

/** Podman looks up the secrets of a start one after another: the save waits for the last of them. */
const QUIET_MS = 1000;
/** While a whole host boots there is no quiet second: what was learned until then is saved all the same. */
const LONGEST_WAIT_MS = 15_000;
const FIRST_RETRY_MS = 30_000;
const LAST_RETRY_MS = 10 * 60_000;

export type CacheSaverDeps = {
  /** Saves everything as it is at the moment of the call. Never runs twice at once. Rejections are the caller's of `now`, else dropped. */
  readonly save: () => Promise<void>;
  readonly clock: Clock;
};

export class CacheSaver {
  readonly #deps: CacheSaverDeps;
  #changedAt = 0;
  #firstChangeAt: number | undefined;
  #waiting: AbortController | undefined;
  readonly #oneByOne = new Mutex();
  #next: Promise<void> | undefined;
  #failures = 0;
  #closed = false;

  constructor(deps: CacheSaverDeps) {
    this.#deps = deps;
  }

  /** Is there anything that no save has begun to write? */
  get pending(): boolean {
    return this.#firstChangeAt !== undefined;
  }

  /** Something changed: save it before long. */
  soon(): void {
    this.#changedAt = this.#deps.clock.monotonic();
    this.#firstChangeAt ??= this.#changedAt;
    this.#schedule();
  }

  /** Saves what has changed until now; resolves when it is on disk. */
  now(): Promise<void> {
    this.#changedAt = this.#deps.clock.monotonic();
    this.#firstChangeAt ??= this.#changedAt;
    this.#waiting?.abort();
    return this.#save();
  }

  /** Saves what is left; nothing is saved afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting?.abort();
    if (this.pending) await this.#save();
    // One that is under way.
    (await this.#oneByOne.acquire())();
  }

  #schedule(): void {
    if (this.#waiting || this.#closed) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    void this.#wait(waiting.signal)
      .then(() => (this.pending ? this.#save() : undefined))
      // Aborted, because somebody saves now; or failed: the next try is scheduled then.
      .catch(() => undefined)
      .finally(() => {
        this.#waiting = undefined;
        if (this.pending) this.#schedule();
      });
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    if (this.#failures > 0) {
      await clock.sleep(Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LAST_RETRY_MS), signal);
      return;
    }
    for (;;) {
      const now = clock.monotonic();
      const due = Math.min(this.#changedAt + QUIET_MS, (this.#firstChangeAt ?? now) + LONGEST_WAIT_MS);
      if (due <= now) return;
      await clock.sleep(due - now, signal);
    }
  }

  // One after another: callers that come while one runs share the next one, which begins with their changes in it.
  #save(): Promise<void> {
    this.#next ??= this.#oneByOne.run(() => {
      this.#next = undefined;
      return this.#saveOnce();
    });
    return this.#next;
  }

  async #saveOnce(): Promise<void> {
    const since = this.#firstChangeAt;
    // A change that comes from here on is not in this save.
    this.#firstChangeAt = undefined;
    try {
      await this.#deps.save();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#firstChangeAt ??= since ?? this.#deps.clock.monotonic();
      this.#schedule();
      throw error;
    }
  }
}
