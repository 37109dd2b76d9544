// What setups have left that another one may mend, and the port by which it is kept through a restart. Names of workloads alone.

import type { SetupReport, Undone } from './setup-events.ts';

/** `workloads`: undefined for all of them. */
export type SetupDebt = { readonly workloads: readonly string[] | undefined };

export type SetupDebtStore = {
  /** What cannot be read is owed as a whole: too much of it harms nobody. */
  readonly read: () => Promise<SetupDebt | undefined>;
  /** Fails with HOST. */
  readonly write: (debt: SetupDebt) => Promise<void>;
  /** Fails with HOST. */
  readonly clear: () => Promise<void>;
};

/** Something that a setup left as it was: `subject` is a workload or a unit, undefined for what concerns all of them. */
export type LeftItem = { readonly subject: string | undefined; readonly message: string; readonly hint: string | null };

const MOST_NAMED = 500;

export function both(some: SetupDebt | undefined, more: SetupDebt): SetupDebt {
  if (!some) return more;
  if (!some.workloads || !more.workloads) return { workloads: undefined };
  return ofNames([...some.workloads, ...more.workloads]);
}

/** `did`: what the run was about. */
export function debtAfter(before: SetupDebt | undefined, did: SetupDebt, report: SetupReport): SetupDebt | undefined {
  const owed = owedBy(report);
  const { workloads: done } = did;
  if (!done || !before) return owed;
  const rest = before.workloads ? ofNames(before.workloads.filter((name) => !done.includes(name))) : before;
  if (rest.workloads?.length === 0) return owed;
  return owed ? both(rest, owed) : rest;
}

/** Drop-ins of units that no workload has are not owed: no setup mends a config. */
function owedBy({ outcome, failures, problems, refused, ended }: SetupReport): SetupDebt | undefined {
  if (outcome === 'done') return undefined;
  const names = [...failures, ...problems, ...refused, ...(ended?.undone ?? [])].map(({ workload }) => workload);
  if (names.length === 0) return undefined;
  const known = names.flatMap((name) => name ?? []);
  return known.length < names.length ? { workloads: undefined } : ofNames(known);
}

/** In the order of the report, what fails first at the front. */
export function leftItems({ outcome, failures, problems, left, ended }: SetupReport): readonly LeftItem[] {
  if (outcome === 'done') return [];
  return [
    ...failures.map(({ workload, message, hint }) => ({ subject: workload ?? undefined, message, hint })),
    ...problems.map(({ workload, name, reason, hint }) => ({ subject: workload, message: `${name}: ${reason}`, hint })),
    ...left.map(({ unit, reason, hint }) => ({ subject: unit, message: reason, hint })),
    ...(ended?.undone ?? []).map((undone) => undoneItem(ended?.reason ?? '', undone)),
  ];
}

function undoneItem(reason: string, { workload, changes }: Undone): LeftItem {
  const what = changes === null ? 'before this' : `with ${String(changes)} of its changes to make`;
  return {
    subject: workload ?? undefined,
    message: `setup was ended ${what}: ${reason}`,
    hint: 'run `podman exec psi psi setup` again: it goes on where it was',
  };
}

function ofNames(names: readonly string[]): SetupDebt {
  const each = [...new Set(names)].sort();
  return { workloads: each.length > MOST_NAMED ? undefined : each };
}
