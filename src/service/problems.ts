// What is wrong with the service's own files and its config: for `psi status`, the health check and the metrics. PSI serves what it can meanwhile.

import type { HostCurl } from '../lookup/host-curl.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { RunningConfig } from './running-config.ts';
import type { WatchedHeaderFile } from './watched-header-file.ts';

export type ProblemSources = {
  readonly mappings: Pick<MappingTable, 'problems'>;
  readonly headerFile: Pick<WatchedHeaderFile, 'problem'>;
  readonly hostCurl: Pick<HostCurl, 'problem'>;
  readonly config: Pick<RunningConfig, 'problems'>;
};

export function serviceProblems(sources: ProblemSources): readonly ServiceProblem[] {
  const { config, headerFile, hostCurl, mappings } = sources;
  const own = [...config.problems(), headerFile.problem, hostCurl.problem].filter((error) => error !== undefined);
  const ofAll = own.map((error) => ({ subject: undefined, error }));
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
