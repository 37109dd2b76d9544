// `psi cache refresh`: lists what the workloads name and fills the cache with it. Needs no Podman, changes no registration, and tries each
// source once: whoever runs it by a timer runs it again.

import type { PsiError } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import type { Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretReads } from '../provider/secret-source.ts';
import { fillCache, type CacheOutcome, type CacheSink, type Share } from './fill.ts';
import type { Registered } from './registered.ts';
import type { SurveyProblem } from '../survey/completion.ts';
import type { SurveyEvent } from '../survey/events.ts';
import { survey, type Found, type Surveyed, type SurveyDeps } from '../survey/survey.ts';
import { failureOf, type WorkloadFailure } from '../core/failure.ts';

export type RefreshTarget = {
  readonly workloads: readonly Workload[];
  readonly sourceOf: (provider: string) => SecretReads | undefined;
  /** What kept workloads from being found. */
  readonly errors?: readonly PsiError[];
};

export type RefreshDeps = {
  readonly cache: CacheSink;
  readonly mappings: Pick<Registered, 'all' | 'ofOthers' | 'readAgain'>;
  readonly clock: Clock;
};

export type RefreshOptions = {
  /** A file that cannot be opened is set aside, though it may hold more than this run knows. */
  readonly replace: boolean;
};

export type RefreshReport = {
  readonly cache: CacheOutcome;
  readonly failures: readonly WorkloadFailure[];
  /** 0; 75 where trying again later is all it takes; 1 where single secrets could not be had; else that of the first failure. */
  readonly exit: number;
};

export class CacheRefresh {
  readonly #deps: RefreshDeps;

  constructor(deps: RefreshDeps) {
    this.#deps = deps;
  }

  async run(
    target: RefreshTarget,
    { replace }: RefreshOptions,
    emit: (event: SurveyEvent) => void,
    signal: AbortSignal,
  ): Promise<RefreshReport> {
    await this.#deps.mappings.readAgain();
    const results: Surveyed[] = [];
    for await (const surveyed of survey(target.workloads, this.#surveyDeps(target, emit), signal))
      results.push(surveyed);
    const failed = results.flatMap(({ workload, outcome }) =>
      outcome.kind === 'failed' ? [{ workload: workload.name, error: outcome.error }] : [],
    );
    // Which registrations belong to a workload that failed only Podman knows, and which lines stay only setup: then nothing is dropped.
    const { errors: unfound = [] } = target;
    const whole = unfound.length === 0 && results.every(({ outcome }) => outcome.kind === 'found' && isWhole(outcome));
    const shares = [...results.map(shareOf), this.#shareOfOthers(target)];
    const cache = await fillCache(this.#deps.cache, shares, { whole, replace });
    const failures = [...unfound.map((error) => ({ workload: null, error })), ...failed].map(({ workload, error }) => {
      return { workload, ...failureOf(error) };
    });
    const problems = results.flatMap(({ outcome }) => (outcome.kind === 'found' ? outcome.problems : []));
    const errors = [...unfound, ...failed.map(({ error }) => error)];
    const exit = exitOf(cache, errors);
    return {
      cache,
      failures: [...failures, ...problems.map(problemFailure)],
      exit: exit === EXIT.DONE && problems.length > 0 ? EXIT.FAILED : exit,
    };
  }

  /** What the config does not name any more is dropped by setup, if its drop-in goes too. */
  #shareOfOthers({ workloads }: RefreshTarget): Share {
    const others = this.#deps.mappings.ofOthers(new Set(workloads.map(({ name }) => name)));
    return { kind: 'listed', secrets: others.map((mapping) => ({ mapping, fetched: undefined })) };
  }

  #surveyDeps({ sourceOf }: RefreshTarget, emit: (event: SurveyEvent) => void): SurveyDeps {
    const { clock, mappings, cache } = this.#deps;
    // Of all workloads: which of them a registration belongs to only Podman knows for sure, and one too many does no harm here.
    const registered: SurveyDeps['registered'] = () => mappings.all().map((mapping) => ({ name: undefined, mapping }));
    const known: SurveyDeps['known'] = (mapping) => cache.find(mapping)?.fetched;
    return { sourceOf, clock, emit, registered, known, once: true };
  }
}

function isWhole({ problems, refused }: Found): boolean {
  return problems.length + refused.length === 0;
}

function shareOf({ outcome }: Surveyed): Share {
  if (outcome.kind === 'failed') return { kind: 'unlisted', wanted: [] };
  return { kind: 'listed', secrets: outcome.secrets };
}

function problemFailure({ workload, name, code, reason, hint }: SurveyProblem): WorkloadFailure {
  return { workload, code, message: `${name}: ${reason}`, hint };
}

function exitOf(cache: CacheOutcome, errors: readonly PsiError[]): number {
  const acting = errors.find((error) => error.retry === 'no');
  if (acting) return exitCode(acting.code);
  if (errors.length > 0) return EXIT.TRY_LATER;
  return cache.saved ? EXIT.DONE : exitCode('KEY_UNAVAILABLE');
}
