// What is wrong with the running service, its files, its config and its place on the host: for `psi status`, the health check and the
// metrics. PSI serves what it can meanwhile.

import type { PsiError } from '../core/error.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import { isoTime } from '../core/time.ts';
import type { OwedSetups } from '../registration/owed-setups.ts';

export type ProblemSources = {
  readonly mappings: Pick<MappingTable, 'problems'>;
  /** Of the service as a whole; undefined of them: nothing is wrong there. */
  readonly own: readonly (PsiError | undefined)[];
  readonly owed: Pick<OwedSetups, 'debt' | 'items' | 'next'>;
};

export function serviceProblems({ mappings, own, owed }: ProblemSources): readonly ServiceProblem[] {
  const ofAll = own.flatMap((error) => (error ? [{ subject: undefined, error }] : []));
  const there = [...ofAll, ...mappings.problems()].map(({ subject, error: { message, hint } }) => ({
    subject: subject ?? null,
    message,
    hint: hint ?? null,
  }));
  return [...there, ...leftBySetup(owed)];
}

function leftBySetup({ debt, items, next }: ProblemSources['owed']): readonly ServiceProblem[] {
  const known = items.map(({ subject, message, hint }) => ({
    subject: subject ?? null,
    message: `setup left it as it was: ${message}`,
    hint,
  }));
  if (known.length > 0 || !debt) return known;
  const names = debt.workloads ? debt.workloads.slice(0, MOST_NAMED).join(', ') : 'all workloads';
  const when = next === undefined ? '' : `, next at ${isoTime(next)}`;
  return [
    {
      subject: null,
      message: `an earlier setup left something as it was (${names}); it is tried again by itself${when}`,
      hint: 'to try it now: `podman exec psi psi setup`',
    },
  ];
}

const MOST_NAMED = 10;

/** The line of the health check. */
export function problemsLine(problems: readonly ServiceProblem[]): { readonly problems?: string } {
  const [first, ...more] = problems;
  if (!first) return {};
  const others = more.length > 0 ? ` and ${String(more.length)} more, see \`psi status\`` : '';
  return { problems: `${first.message}${others}` };
}
