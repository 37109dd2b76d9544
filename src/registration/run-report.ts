// What one run of setup did and what failed, collected on the way.

import { toPsiError, type PsiError } from '../core/error.ts';
import type { Change, Orphan, Problem } from './plan.ts';
import type { Overridden, RefusedKey } from '../survey/selection.ts';
import type { CacheOutcome } from '../cache/fill.ts';
import type { ChangeReport, SetupReport } from './setup-events.ts';
import { failureOf, type WorkloadFailure } from '../core/failure.ts';

/** Collects what happened; a failure inside `guard` is noted and does not stop the rest. */
export class RunReport {
  readonly changes: Change[] = [];
  readonly notes: string[] = [];
  readonly #dryRun: boolean;
  readonly #failures: WorkloadFailure[] = [];
  readonly #orphans: Orphan[] = [];
  readonly #problems: Problem[] = [];
  readonly #refused: RefusedKey[] = [];
  readonly #overridden: Overridden[] = [];
  #kept = 0;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  add(
    plan: { readonly kept: number; readonly orphans: readonly Orphan[]; readonly problems: readonly Problem[] },
    wanted: {
      readonly refused: readonly RefusedKey[];
      readonly overridden: readonly Overridden[];
      readonly notes: readonly string[];
    },
  ): void {
    this.#kept += plan.kept;
    this.#orphans.push(...plan.orphans);
    this.#problems.push(...plan.problems);
    this.#refused.push(...wanted.refused);
    this.#overridden.push(...wanted.overridden);
    this.notes.push(...wanted.notes.filter((note) => !this.notes.includes(note)));
  }

  fail(workload: string | undefined, error: PsiError): void {
    this.#failures.push({ workload: workload ?? null, ...failureOf(error) });
  }

  async guard(workload: string | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.fail(workload, toPsiError(thrown));
    }
  }

  finish(cache: CacheOutcome | null): SetupReport {
    return {
      dryRun: this.#dryRun,
      changes: this.changes.map(describe),
      kept: this.#kept,
      orphans: this.#orphans,
      refused: this.#refused,
      problems: this.#problems,
      overridden: this.#overridden,
      failures: this.#failures,
      notes: this.notes,
      cache,
    };
  }
}

function describe(change: Change): ChangeReport {
  const target = 'name' in change ? change.name : 'unit' in change ? change.unit : null;
  return { action: change.action, workload: change.workload ?? null, target };
}
