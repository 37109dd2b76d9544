// What is wrong with the running service, its files, its config and its place on the host: for `psi status`, the health check and the
// metrics. PSI serves what it can meanwhile.

import type { CacheStatus } from '../cache/status.ts';
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
  /** Secrets whose lookup the next start meets too. */
  readonly failing: readonly ServiceProblem[];
  /** In the order in which they are told among their like. */
  readonly others: readonly ServiceProblem[];
};

/** The worst first. */
export function serviceProblems({ mappings, own, owed, others, failing }: ProblemSources): readonly ServiceProblem[] {
  const ofAll = own.flatMap((error) => (error ? [asProblem(error, 'error')] : []));
  const ofSecrets = mappings.problems().map(({ subject, error }) => asProblem(error, 'error', subject));
  const ofLookups = failing.map((one) => ({ ...one, hint: thenSetup(one.hint) }));
  const all = [...ofAll, ...ofSecrets, ...others, ...ofLookups, ...leftBySetup(owed)];
  return SEVERITIES.flatMap((severity) => all.filter((problem) => problem.severity === severity));
}

const SEVERITIES: readonly ServiceProblem['severity'][] = ['error', 'warning'];

export function countOf(problems: readonly ServiceProblem[], wanted: ServiceProblem['severity']): number {
  return problems.filter(({ severity }) => severity === wanted).length;
}

/** For the report of a setup, which it does not concern. */
export function noteOf({ message, hint }: ServiceProblem): string {
  return hint === null ? message : `${message}; ${hint}`;
}

/** None, where nothing is wrong. */
export function warningOf(error: PsiError | undefined): readonly ServiceProblem[] {
  return error ? [asProblem(error, 'warning')] : [];
}

function asProblem(
  { message, hint }: PsiError,
  severity: ServiceProblem['severity'],
  subject: string | null = null,
): ServiceProblem {
  return { severity, subject, message, hint: hint ?? null };
}

function leftBySetup({ debt, items, next }: ProblemSources['owed']): readonly ServiceProblem[] {
  const known = items.map(({ subject, message, hint }) => ({
    severity: 'error' as const,
    subject: subject ?? null,
    message: `setup left it as it was: ${message}`,
    hint: thenSetup(hint),
  }));
  if (known.length > 0 || !debt) return known;
  const names = debt.workloads ? debt.workloads.slice(0, MOST_NAMED).join(', ') : 'all workloads';
  const when = next === undefined ? '' : `, next at ${isoTime(next)}`;
  return [
    {
      severity: 'error',
      subject: null,
      message: `an earlier setup left something as it was (${names}); it is tried again by itself${when}`,
      hint: `to try it now: \`${SETUP}\``,
    },
  ];
}

/** What is mended elsewhere is over here when a setup has seen it. */
function thenSetup(hint: string | null): string {
  const again = `then \`${SETUP}\``;
  if (hint === null) return again;
  return hint.includes(SETUP) ? hint : `${hint}; ${again}`;
}

const SETUP = 'podman exec psi psi setup';

/** Lookups go on live: what it would be worth in an outage is told before there is one. */
export function cacheProblem(cache: Pick<CacheStatus, 'state' | 'problem'> | undefined): readonly ServiceProblem[] {
  if (!cache?.problem) return [];
  const { message, hint } = cache.problem;
  return [{ severity: 'warning', subject: null, message: `the cache is ${cache.state}: ${message}`, hint }];
}

const MOST_NAMED = 10;

/** The line of the health check: what a start may meet. */
export function problemsLine(problems: readonly ServiceProblem[]): { readonly problems?: string } {
  const [first, ...more] = problems.filter(({ severity }) => severity === 'error');
  if (!first) return {};
  const others = more.length > 0 ? ` and ${String(more.length)} more, see \`psi status\`` : '';
  return { problems: `${first.message}${others}` };
}
