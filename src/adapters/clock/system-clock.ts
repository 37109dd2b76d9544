// The machine's own time behind the Clock port. Nothing else in src may read it.

import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';

/** Node runs a longer timer after 1 ms instead. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      for (let left = ms; ; left -= LONGEST_TIMER_MS) {
        await pause(Math.min(left, LONGEST_TIMER_MS), undefined, signal && { signal });
        if (left <= LONGEST_TIMER_MS) return;
      }
    } catch (thrown) {
      // Node rejects with an AbortError of its own; the port promises the signal's reason.
      signal?.throwIfAborted();
      throw thrown;
    }
  },
};
