// What `psi setup` tells while it runs and when it is done. It travels as NDJSON from the service to the command line, so every
// field is plain data, and no field ever holds a value.

import type { SurveyEvent } from '../survey/events.ts';
import type { Overridden, RefusedKey } from '../survey/selection.ts';
import type { CacheOutcome } from '../cache/fill.ts';
import type { LeftDropIn, Orphan, Problem } from './plan.ts';
import type { PassedOver } from './pattern-quadlets.ts';
import type { Failure, WorkloadFailure } from '../core/failure.ts';

/** A change as people and programs read it. */
export type ChangeReport = {
  readonly action: 'write-header' | 'create' | 'remap' | 'replace' | 'write-drop-in' | 'remove-drop-in';
  readonly workload: string | null;
  /** Podman's secret name, or the unit whose drop-in it is; null for the header file. */
  readonly target: string | null;
  /** Of a replace: what the driver commands of now have otherwise. */
  readonly reason?: string;
};

/** What a run that was ended did not come to. `workload`: null for the run as a whole; `changes`: null where it was not begun. */
export type Undone = { readonly workload: string | null; readonly changes: number | null };

/** Why a run ended before its end, and what it left for the next one. */
export type EndedEarly = { readonly reason: string; readonly undone: readonly Undone[] };

/**
 * done     everything is as the config says
 * left     something was left as it was, and every workload has what it had, or more
 * failed   something of the run as a whole went wrong, or a workload that has no secret could get none
 */
export type SetupOutcome = 'done' | 'left' | 'failed';

export type SetupReport = {
  readonly dryRun: boolean;
  readonly outcome: SetupOutcome;
  /** Planned (dry run) or done. */
  readonly changes: readonly ChangeReport[];
  readonly kept: number;
  readonly orphans: readonly Orphan[];
  readonly refused: readonly RefusedKey[];
  readonly problems: readonly Problem[];
  readonly left: readonly LeftDropIn[];
  /** Quadlets that the workload pattern does not hold for, or not with all of its sources, and why. Empty where the config has none, or the run was about others. */
  readonly passedOver: readonly PassedOver[];
  readonly overridden: readonly Overridden[];
  readonly failures: readonly WorkloadFailure[];
  readonly notes: readonly string[];
  /** Null: there is no cache, or nothing was to be changed (dry run). */
  readonly cache: CacheOutcome | null;
  /** When the service sees to what was left, by itself (RFC 3339); null: there is nothing that it could do. */
  readonly nextTry: string | null;
  /** Null: it came to its end. */
  readonly ended: EndedEarly | null;
};

export type SetupEvent =
  | { readonly event: 'waiting'; readonly message: string }
  | SurveyEvent
  /** `done` of `total` workloads are done, and this one is next. */
  | { readonly event: 'workload'; readonly workload: string; readonly done: number; readonly total: number }
  /** `workload`: null for what belongs to none. */
  | { readonly event: 'applying'; readonly workload: string | null; readonly done: number; readonly total: number }
  | { readonly event: 'reloading' }
  | { readonly event: 'caching' }
  /** With `boot`: nothing that a workload starts with is missing any more, or it could not be had. `report`: up to here. */
  | { readonly event: 'ready'; readonly report: SetupReport; readonly rest: number }
  | { readonly event: 'done'; readonly report: SetupReport }
  | { readonly event: 'error'; readonly failure: Failure; readonly exit: number; readonly issues?: unknown };
