// What the cache says of itself, for `psi cache status` and the details of /healthz. Never a value, never a name of a secret.

import type { PsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoTime } from '../core/time.ts';
import type { Backend } from '../sealing/key-wrapper.ts';

/**
 * `opening`: the file is being read. `ready`: memory and file are in step, but for `unsaved`. `locked`: there is a file that may be good and
 * cannot be opened now, or none yet and no key for one; lookups are answered from what was learned since the start.
 */
export type CacheState = 'opening' | 'ready' | 'locked';

export type CacheStatus = {
  readonly backends: readonly Backend[];
  readonly state: CacheState;
  readonly entries: number;
  /** Of them: older than `max_age`, so that a lookup asks the provider first. */
  readonly expired: number;
  /** Of them: stamped in the future, because the clock was set back since. */
  readonly ageUnknown: number;
  /** Of those whose age is known, since the provider's answer. */
  readonly oldestAgeSeconds: number | null;
  readonly maxAgeSeconds: number | null;
  /** When the file was written; null if there is none, or it was never opened. */
  readonly savedAt: string | null;
  /** Is there anything in memory that is not on disk yet? */
  readonly unsaved: boolean;
  /** Answers since the start, by where they came from (`AnswerSource`). */
  readonly answers: { readonly live: number; readonly held: number; readonly cache: number; readonly stale: number };
  readonly problem: CacheProblem | null;
  /** Where an unreadable file was moved at this start. */
  readonly setAside: string | null;
};

export type CacheProblem = Failure & { readonly since: string; readonly reason: string | null };

export function problemOf(error: PsiError, sinceMs: number): CacheProblem {
  const reason = error.details['reason'] ?? error.details['defect'];
  return { since: isoTime(sinceMs), reason: reason === undefined ? null : String(reason), ...failureOf(error) };
}

/** Details of /healthz, one line where there is a cache: whatever it does, PSI serves. */
export function healthOf(status: CacheStatus | undefined): { readonly cache?: string } {
  if (status === undefined) return {};
  const { state, problem, entries } = status;
  return { cache: problem ? `cache ${state}: ${problem.message}` : `cache ${state}, ${String(entries)} entries` };
}
