// What `psi setup` tells while it runs and when it is done. It travels as NDJSON from the service to the command line, so every
// field is plain data, and no field ever holds a value.

import type { SurveyEvent } from '../survey/events.ts';
import type { Overridden, RefusedKey } from '../survey/selection.ts';
import type { CacheOutcome } from '../cache/fill.ts';
import type { Orphan, Problem } from './plan.ts';
import type { Failure, WorkloadFailure } from '../core/failure.ts';

/** A change as people and programs read it. */
export type ChangeReport = {
  readonly action: 'write-header' | 'create' | 'remap' | 'replace' | 'write-drop-in' | 'remove-drop-in';
  readonly workload: string | null;
  /** Podman's secret name, or the unit whose drop-in it is; null for the header file. */
  readonly target: string | null;
};

export type SetupReport = {
  readonly dryRun: boolean;
  /** Planned (dry run) or done. */
  readonly changes: readonly ChangeReport[];
  readonly kept: number;
  readonly orphans: readonly Orphan[];
  readonly refused: readonly RefusedKey[];
  readonly problems: readonly Problem[];
  readonly overridden: readonly Overridden[];
  readonly failures: readonly WorkloadFailure[];
  readonly notes: readonly string[];
  /** Null: there is no cache, or nothing was to be changed (dry run). */
  readonly cache: CacheOutcome | null;
};

export type SetupEvent =
  | { readonly event: 'waiting'; readonly message: string }
  | SurveyEvent
  | { readonly event: 'applying'; readonly done: number; readonly total: number }
  | { readonly event: 'reloading' }
  | { readonly event: 'caching' }
  | { readonly event: 'done'; readonly report: SetupReport }
  | { readonly event: 'error'; readonly failure: Failure; readonly exit: number; readonly issues?: unknown };
