// What each figure may cost. A figure that is not named here is printed for information only.

export type Budget = {
  readonly sense: 'at most' | 'at least';
  readonly limit: number;
  /** Times and ratios vary with what else the machine does, so the best of some runs counts. Of counts every run counts. */
  readonly noisy: boolean;
};

const most = (limit: number): Budget => ({ sense: 'at most', limit, noisy: true });
const least = (limit: number): Budget => ({ sense: 'at least', limit, noisy: true });
const never = (limit: number): Budget => ({ sense: 'at most', limit, noisy: false });

export const BUDGETS: Readonly<Record<string, Budget>> = {
  'lookup-p50': most(1.25),
  'lookup-throughput': least(80),
  'lookup-window-p50': most(1.25),
  'lookup-window-throughput': least(80),
  'lookup-burst-failures': never(0),
  'cache-save': most(200),
  'cache-save-lookups-p99': most(2),
  'cache-save-failures': never(0),
  'storm-calls': never(55),
  'storm-failures': never(0),
  'storm-limited-calls': never(55),
  'storm-limited-failures': never(0),
  'storm-locked-calls': never(55),
  'storm-locked-failures': never(0),
  'storm-locked-limited-calls': never(55),
  'storm-locked-limited-failures': never(0),
  'setup-writes': never(0),
  'setup-beside-listing': most(1_000),
  'setup-own-share': most(10),
  'start-of-many': most(2),
  start: most(500),
  'start-live': most(200),
  'start-live-many': most(1.2),
  memory: most(100),
  'command-helper': most(1.3),
  'health-check': most(5),
  'run-helper-beside-file': most(2),
  'run-helper-beside-curl': most(0.2),
  'memory-ratio': most(1.4),
  'run-share': most(5),
};

export function isWithin(budget: Budget, value: number): boolean {
  return budget.sense === 'at most' ? value <= budget.limit : value >= budget.limit;
}

/** The better of two values, or the worse one where luck must not hide it. */
export function counting(budget: Budget | undefined, a: number, b: number): number {
  if (budget === undefined) return a;
  const small = (budget.sense === 'at most') === budget.noisy;
  return small ? Math.min(a, b) : Math.max(a, b);
}
