// A bound on how long something may take, with the clock injected.

import { PsiError } from './error.ts';
import type { Clock } from './clock.ts';

/** `hint`: where the bound is not that of a lookup. */
export type Deadline = { readonly ms: number; readonly what: string; readonly hint?: string };

/**
 * Runs `work` with a signal that aborts when the time is up; then the result is DEADLINE, whatever `work` does with the signal.
 * An outer signal (the caller went away) aborts it too.
 */
export async function withDeadline<T>(
  clock: Clock,
  deadline: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  const signal = outer ? AbortSignal.any([late.signal, outer]) : late.signal;
  const timer = clock.sleep(deadline.ms, done.signal).then(
    () => {
      const error = new PsiError(
        'DEADLINE',
        `${deadline.what} took longer than ${String(Math.round(deadline.ms))} ms`,
        {
          hint: deadline.hint ?? 'see `podman exec psi psi status`; `lookup.timeout` in the config sets the bound',
          retry: 'later',
        },
      );
      late.abort(error);
      throw error;
    },
    // The work was done first: this promise lost the race and must neither settle it nor be an unhandled rejection.
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work(signal), timer]);
  } finally {
    done.abort();
  }
}
