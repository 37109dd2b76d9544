// A bound on how long something may take, with the clock injected.

import { PsiError } from './error.ts';
import type { Clock } from './clock.ts';

/** `hint`: of the bound's own failure; what else is worth a look. */
export type Deadline = { readonly ms: number; readonly what: string; readonly hint?: string };

/** What of the time is kept for whoever does the work, to say in its own words what was slow: it knows, and the bound does not. */
function lastWordMs(ms: number): number {
  return Math.min(200, ms / 10);
}

/**
 * Runs `work` with a signal that aborts shortly before the time is up, and ends with what it makes of that. When the time is up the result is
 * DEADLINE, whatever `work` does with the signal. An outer signal (the caller went away) aborts it too.
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
  const error = tooLate(deadline);
  const ended = (async (): Promise<never> => {
    const lastMs = lastWordMs(deadline.ms);
    await clock.sleep(deadline.ms - lastMs, done.signal);
    late.abort(error);
    await clock.sleep(lastMs, done.signal);
    throw error;
  })();
  try {
    return await Promise.race([work(signal), ended]);
  } catch (thrown) {
    // Libraries end with an error of their own when they are aborted.
    if (late.signal.aborted && !(thrown instanceof PsiError)) throw error;
    throw thrown;
  } finally {
    // The work was done first: what is left of the bound lost the race, and must not be an unhandled rejection.
    ended.catch(() => undefined);
    done.abort();
  }
}

function tooLate({ what, ms, hint }: Deadline): PsiError {
  return new PsiError('DEADLINE', `${what} took longer than ${String(Math.round(ms))} ms`, {
    hint: hint ?? 'see `podman exec psi psi status`',
    retry: 'later',
  });
}
