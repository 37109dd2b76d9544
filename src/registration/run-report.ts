// What the steps of one run of setup did and what failed, and the report made of them.

import { toPsiError } from '../core/error.ts';
import type { Applied } from './apply.ts';
import type { Change } from './plan.ts';
import type { CacheOutcome } from '../cache/fill.ts';
import type { ChangeReport, SetupReport, Undone } from './setup-events.ts';
import { failureOf } from '../core/failure.ts';

/** What one step of a run did, found and could not do. */
export type RunPart = Omit<SetupReport, 'dryRun' | 'changes' | 'cache' | 'outcome' | 'nextTry' | 'ended'> & {
  readonly changes: readonly Change[];
  readonly undone: readonly Undone[];
};

const NOTHING: RunPart = {
  changes: [],
  kept: 0,
  orphans: [],
  refused: [],
  problems: [],
  left: [],
  passedOver: [],
  overridden: [],
  failures: [],
  notes: [],
  undone: [],
};

export function runPart(some: Partial<RunPart>): RunPart {
  return { ...NOTHING, ...some };
}

/** Of the changes of one step; `workload`: undefined where it concerns all of them. */
export function partOf(workload: string | undefined, { done, failed, undone }: Applied): RunPart {
  return runPart({
    changes: done,
    failures: failed.map(({ error }) => ({ workload: workload ?? null, ...failureOf(error) })),
    undone: undone.length === 0 ? [] : [{ workload: workload ?? null, changes: undone.length }],
  });
}

/** A failure inside `work` is the part's, and does not stop the rest of the run. */
export async function guarded(workload: string | undefined, work: () => Promise<RunPart>): Promise<RunPart> {
  try {
    return await work();
  } catch (thrown) {
    return runPart({ failures: [{ workload: workload ?? null, ...failureOf(toPsiError(thrown)) }] });
  }
}

/** All parts in their order; a note that several of them make stands once. `ended`: why before its end; undefined: it came to it. */
export function reportOf(
  { dryRun, outcome, ended }: Pick<SetupReport, 'dryRun' | 'outcome'> & { readonly ended?: string | undefined },
  parts: readonly RunPart[],
  cache: CacheOutcome | null,
): SetupReport {
  return {
    dryRun,
    outcome,
    changes: parts.flatMap(({ changes }) => changes.map(describe)),
    kept: parts.reduce((sum, { kept }) => sum + kept, 0),
    orphans: parts.flatMap(({ orphans }) => orphans),
    refused: parts.flatMap(({ refused }) => refused),
    problems: parts.flatMap(({ problems }) => problems),
    left: parts.flatMap(({ left }) => left),
    passedOver: parts.flatMap(({ passedOver }) => passedOver),
    overridden: parts.flatMap(({ overridden }) => overridden),
    failures: parts.flatMap(({ failures }) => failures),
    notes: [...new Set(parts.flatMap(({ notes }) => notes))],
    cache,
    nextTry: null,
    ended: ended === undefined ? null : { reason: ended, undone: parts.flatMap(({ undone }) => undone) },
  };
}

function describe(change: Change): ChangeReport {
  const target = 'name' in change ? change.name : 'unit' in change ? change.unit : null;
  const reason = change.action === 'replace' ? { reason: change.reason } : {};
  return { action: change.action, workload: change.workload ?? null, target, ...reason };
}
