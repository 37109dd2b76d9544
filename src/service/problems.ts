// What is wrong with the service's own files and its place on the host: for `psi status`, the health check and the metrics. PSI serves what it can meanwhile.

import type { PsiError } from '../core/error.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { WatchedHeaderFile } from './watched-header-file.ts';

export type ProblemSources = {
  readonly mappings: Pick<MappingTable, 'problems'>;
  readonly headerFile: Pick<WatchedHeaderFile, 'problem'>;
  /** Undefined of them: nothing is wrong there. */
  readonly host: readonly (PsiError | undefined)[];
};

export function serviceProblems({ mappings, headerFile, host }: ProblemSources): readonly ServiceProblem[] {
  const own = [...host, headerFile.problem].flatMap((error) => (error ? [{ subject: undefined, error }] : []));
  return [...own, ...mappings.problems()].map(({ subject, error: { message, hint } }) => ({
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
