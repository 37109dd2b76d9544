// The step of one workload in a setup: its secrets with Podman, its drop-in, and what of it was left as it was.

import { toPsiError, type PsiError } from '../core/error.ts';
import { failureOf } from '../core/failure.ts';
import type { Mapping } from '../core/mapping.ts';
import type { Workload } from '../core/workload.ts';
import type { Share } from '../cache/fill.ts';
import type { SurveyProblem } from '../survey/completion.ts';
import type { RegisteredKey } from '../survey/registered-keys.ts';
import type { Found, Surveyed } from '../survey/survey.ts';
import type { Applied } from './apply.ts';
import { dropInText, secretLines, type SecretLines } from './drop-in.ts';
import { keptLines, stayingIn } from './kept-lines.ts';
import {
  planDropIn,
  planSecrets,
  registeredFor,
  type Actual,
  type Change,
  type CurrentDropIn,
  type Problem,
  type ReplaceWhen,
  type WorkloadPlan,
} from './plan.ts';
import type { DriverOptions } from './registered-secret.ts';
import { guarded, partOf, runPart, type RunPart } from './run-report.ts';
import type { RegistryFeatures } from './secret-registry.ts';
import type { SetupOutcome } from './setup-events.ts';

/** What a step has to know of its run: what was there when it began, and how changes are carried out. */
export type StepSurroundings = {
  readonly options: DriverOptions;
  readonly replaces: ReplaceWhen;
  readonly features: RegistryFeatures;
  readonly actual: Actual;
  readonly dropIns: ReadonlyMap<string, CurrentDropIn>;
  /** A dry run takes every change as done. */
  readonly carryOut: (changes: readonly Change[]) => Promise<Applied>;
};

export type WorkloadStep = {
  readonly parts: readonly RunPart[];
  readonly share: Share;
  readonly outcome: SetupOutcome;
};

export async function workloadStep(
  run: StepSurroundings,
  { workload, outcome }: Surveyed,
  hidden: readonly Problem[],
): Promise<WorkloadStep> {
  if (outcome.kind === 'failed') return leftAsItWas(run, workload, outcome.error);
  try {
    return await foundStep(run, workload, outcome, hidden);
  } catch (thrown) {
    return leftAsItWas(run, workload, toPsiError(thrown));
  }
}

/** The run was ended before it: it is as it was. */
export function notBegun(run: StepSurroundings, workload: Workload): WorkloadStep {
  return untouched(run, workload, runPart({ undone: [{ workload: workload.name, changes: null }] }));
}

/** Nothing of a workload is changed, neither with Podman nor in the cache, where what it should have is not known as a whole. */
function leftAsItWas(run: StepSurroundings, workload: Workload, error: PsiError): WorkloadStep {
  return untouched(run, workload, runPart({ failures: [{ workload: workload.name, ...failureOf(error) }] }));
}

function untouched(run: StepSurroundings, workload: Workload, part: RunPart): WorkloadStep {
  return {
    parts: [part],
    share: { kind: 'unlisted', wanted: registeredMappings(workload, run.actual) },
    outcome: hasSecrets(run, workload, run.dropIns.get(workload.unit)?.text) ? 'left' : 'failed',
  };
}

async function foundStep(
  run: StepSurroundings,
  workload: Workload,
  outcome: Found,
  hidden: readonly Problem[],
): Promise<WorkloadStep> {
  const plan = planSecrets(workload.name, outcome.secrets, run.options, run.actual, run.replaces);
  const applied = await run.carryOut(plan.changes);
  const kept = keptLines(run.dropIns.get(workload.unit)?.text, staying(plan, outcome));
  const dropIn = await dropInStep(run, workload, { plan, applied, kept });
  const lines = secretLines(dropIn.text ?? '');
  const found = registrationPart(run, workload, { outcome, plan, applied, kept, lines });
  const parts = [
    runPart({ ...found, problems: [...found.problems, ...hidden] }),
    dropIn.part,
    runPart({ notes: laterNote(workload, plan) }),
  ];
  const beside = registeredKeys(workload, run.actual).filter(({ name }) => lines.has(name) || kept.has(name));
  const keptShare = beside.map(({ mapping }) => ({ mapping, fetched: undefined }));
  return {
    parts,
    share: { kind: 'listed', secrets: [...plan.usable, ...keptShare] },
    outcome: stepOutcome(parts, hasSecrets(run, workload, dropIn.text, applied.done), kept),
  };
}

/**
 * Which lines stay beside those that the run could make. What could not be read, taken or made is left; and where a source yields nothing, all
 * but what the provider says is gone.
 */
function staying(plan: WorkloadPlan, { refused, problems, lacksSource, gone }: Found): (name: string) => boolean {
  const made = new Set<string>(plan.usable.map(({ name }) => name));
  const left = new Set<string>([...plan.problems, ...refused, ...problems].map(({ name }) => name));
  const goes = new Set(gone);
  return (name) => !made.has(name) && (left.has(name) || (lacksSource && !goes.has(name)));
}

type Registered = {
  readonly outcome: Found;
  readonly plan: WorkloadPlan;
  readonly applied: Applied;
  readonly kept: SecretLines;
  /** Of the drop-in as it is now. */
  readonly lines: SecretLines;
};

function registrationPart(
  run: StepSurroundings,
  workload: Workload,
  { outcome, plan, applied, kept, lines }: Registered,
): RunPart {
  const { overridden } = outcome;
  const wanted = new Set<string>(outcome.refused.map(({ name }) => name));
  const named = (name: string): boolean => wanted.has(name) || lines.has(name) || isNamedElsewhere(run, workload, name);
  const orphans = plan.orphans.filter(({ name }) => !named(name));
  const refused = outcome.refused.map(stayingIn(kept));
  const problems = [...outcome.problems.map(problemOf), ...plan.problems.map(stayingIn(kept))];
  const notes = [...outcome.notes, ...sourceNote(workload, outcome, kept)];
  return { ...partOf(workload.name, applied), kept: plan.kept, orphans, problems, refused, overridden, notes };
}

/** Somebody may still start with a secret that another unit's drop-in names. */
function isNamedElsewhere({ dropIns }: StepSurroundings, { unit }: Workload, name: string): boolean {
  return [...dropIns].some(([other, { text }]) => other !== unit && secretLines(text).has(name));
}

function sourceNote(
  { name }: Workload,
  { lacksSource, problems, refused }: Found,
  kept: SecretLines,
): readonly string[] {
  const said = new Set<string>([...problems, ...refused].map((one) => one.name));
  const count = [...kept.keys()].filter((one) => !said.has(one)).length;
  if (!lacksSource || count === 0) return [];
  return [
    `${name}: ${String(count)} ${count === 1 ? 'line stays' : 'lines stay'} that no source gives now, because one of them yields nothing`,
  ];
}

function laterNote({ name }: Workload, { later }: WorkloadPlan): readonly string[] {
  if (later === 0) return [];
  const what = later === 1 ? 'secret keeps its driver commands' : 'secrets keep their driver commands';
  return [
    `${name}: ${String(later)} ${what} of before for now: the service replaces them by itself, or a setup by hand`,
  ];
}

function stepOutcome(parts: readonly RunPart[], some: boolean, kept: SecretLines): SetupOutcome {
  const troubled = parts.some(
    ({ failures, problems, undone }) => failures.length + problems.length + undone.length > 0,
  );
  if (troubled && !some) return 'failed';
  return troubled || kept.size > 0 ? 'left' : 'done';
}

/** Would it start without something that its drop-in names, or without a drop-in? */
export function lacksSecrets(workload: Workload, run: StepSurroundings): boolean {
  const keys = heldKeys(workload, run);
  if (run.features.dropIns ? !run.dropIns.has(workload.unit) : keys.length === 0) return true;
  return keys.some(({ mapping }) => mapping === undefined);
}

/** Has the workload secrets to start with? Podman before 5.0 reads no drop-ins: what is registered counts there. */
function hasSecrets(
  run: StepSurroundings,
  { name }: Workload,
  text: string | undefined,
  done: readonly Change[] = [],
): boolean {
  if (run.features.dropIns) return secretLines(text ?? '').size > 0;
  return registeredFor(name, run.actual).length > 0 || done.some(({ action }) => action === 'create');
}

type Step = { readonly plan: WorkloadPlan; readonly applied: Applied; readonly kept: SecretLines };

/**
 * Left as it is where a secret could not be registered: a drop-in that names it would keep the unit from starting, one without it would let
 * the unit start without its secret. `text`: the drop-in's after it.
 */
async function dropInStep(
  run: StepSurroundings,
  workload: Workload,
  { plan, applied, kept }: Step,
): Promise<{ readonly part: RunPart; readonly text: string | undefined }> {
  const { name, unit, dependsOn } = workload;
  const current = run.dropIns.get(unit);
  if (!run.features.dropIns) return { part: runPart({}), text: current?.text };
  if (applied.undone.length > 0) return { part: runPart({}), text: current?.text };
  if (applied.failed.some(({ change }) => change.action !== 'remap')) {
    const notes = [`${name}: its drop-in is left as it is until all its secrets are registered`];
    return { part: runPart({ notes }), text: current?.text };
  }
  let text = current?.text;
  const part = await guarded(name, async () => {
    const wanted = dropInText({ unit, dependsOn, secrets: plan.usable, kept });
    const written = await run.carryOut(planDropIn(name, unit, wanted, current));
    if (written.failed.length + written.undone.length === 0) text = wanted;
    return partOf(name, written);
  });
  return { part, text };
}

function problemOf({ workload, name, reason, hint }: SurveyProblem): Problem {
  return { workload, name, reason, hint };
}

function registeredKeys(
  workload: Workload,
  actual: Actual,
): readonly { readonly name: string; readonly mapping: Mapping }[] {
  return registeredFor(workload.name, actual).flatMap(({ name, id }) => {
    const mapping = actual.mappingOf(id);
    return mapping === undefined ? [] : [{ name, mapping }];
  });
}

/**
 * What the workload's drop-in names, be it registered or not. What was registered once and has no line any more is not asked after in each
 * run; without a drop-in (Podman before 5.0, one that somebody removed) all that is registered counts.
 */
export function heldKeys(workload: Workload, { actual, dropIns }: StepSurroundings): readonly RegisteredKey[] {
  const text = dropIns.get(workload.unit)?.text;
  const names = text === undefined ? registeredFor(workload.name, actual).map(({ name }) => name) : linesOf(text);
  const mappings = new Map(registeredKeys(workload, actual).map(({ name, mapping }) => [name, mapping]));
  return names.map((name) => {
    const mapping = mappings.get(name);
    return mapping === undefined ? { name, mapping } : { name, mapping };
  });
}

function linesOf(text: string): readonly string[] {
  return [...secretLines(text).keys()];
}

function registeredMappings(workload: Workload, actual: Actual): readonly Mapping[] {
  return registeredKeys(workload, actual).map(({ mapping }) => mapping);
}
