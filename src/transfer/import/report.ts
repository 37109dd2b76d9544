// What an import tells while it runs and when it is done: one result for each key. Plain data, and no field ever holds a value.

import type { ErrorCode } from '../../core/error.ts';
import { EXIT, exitCode } from '../../core/exit.ts';
import type { Failure } from '../../core/failure.ts';
import type { Waiting } from '../patience.ts';

/** What to do with a key that the folder holds already. `fail`: nothing at all is written if there is one. */
export type Conflict = 'fail' | 'skip' | 'overwrite';

/**
 * created, overwritten   written, and listed afterwards; planned, in a dry run
 * skipped                left as it is
 * approval               a change request waits for somebody's approval: not written
 * refused                cannot be kept unaltered, by PSI or by the server: not written
 * failed                 not written, or not known to be
 * untried                the run ended before it
 */
export type KeyOutcome = 'created' | 'overwritten' | 'skipped' | 'approval' | 'refused' | 'failed' | 'untried';

export type KeyResult = {
  /** Null: what was found there names no key. */
  readonly key: string | null;
  readonly from: string;
  readonly outcome: KeyOutcome;
  readonly reason: string | null;
  readonly hint: string | null;
  /** What somebody should look at although it went well. */
  readonly notes: readonly string[];
};

export type ImportReport = {
  readonly project: string;
  readonly path: string;
  readonly conflict: Conflict;
  readonly dryRun: boolean;
  readonly results: readonly KeyResult[];
  /** What ended the run early. */
  readonly failure: Failure | null;
  /** What the command exits with. */
  readonly exit: number;
};

export type ImportEvent =
  | { readonly event: 'listing' }
  | { readonly event: 'writing'; readonly done: number; readonly total: number }
  | Waiting
  | { readonly event: 'verifying' };

export function importExit(results: readonly KeyResult[], failure: { readonly code: ErrorCode } | undefined): number {
  if (failure) return exitCode(failure.code);
  const has = (...outcomes: readonly KeyOutcome[]): boolean =>
    results.some(({ outcome }) => outcomes.includes(outcome));
  if (has('refused', 'failed', 'untried')) return EXIT.FAILED;
  // Somebody has to come back: nothing failed, and nothing is there yet.
  return has('approval') ? EXIT.TRY_LATER : EXIT.DONE;
}
