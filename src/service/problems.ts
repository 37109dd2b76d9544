// What is wrong with the running service, its files, its config and its place on the host: for `psi status`, the health check and the
// metrics. PSI serves what it can meanwhile.

import type { PsiError } from '../core/error.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { ServiceProblem } from '../lookup/status.ts';

export type ProblemSources = {
  readonly mappings: Pick<MappingTable, 'problems'>;
  /** Of the service as a whole; undefined of them: nothing is wrong there. */
  readonly own: readonly (PsiError | undefined)[];
};

export function serviceProblems({ mappings, own }: ProblemSources): readonly ServiceProblem[] {
  const ofAll = own.flatMap((error) => (error ? [{ subject: undefined, error }] : []));
  return [...ofAll, ...mappings.problems()].map(({ subject, error: { message, hint } }) => ({
    subject: subject ?? null,
    message,
    hint: hint ?? null,
  }));
}

/** The line of the health check. */
export function problemsLine(problems: readonly ServiceProblem[]): { readonly problems?: string } {
  const [first, ...more] = problems;
  if (!first) return {};
  const others = more.length > 0 ? ` and ${String(more.length)} more, see \`psi status\`` : '';
  return { problems: `${first.message}${others}` };
}
