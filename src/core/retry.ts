// The one retry loop of PSI. A call that failed is made again after a pause, as often as there are pauses and no oftener; a failure that
// nobody but a person can mend ends it at once. Whoever calls bounds the time of a single try by itself (core/deadline.ts).

import { toPsiError, type PsiError } from './error.ts';
import type { Clock } from './clock.ts';

export type RetryRule = {
  /** The pause before each further try, in milliseconds. Their number is the bound: three pauses are four tries at most. */
  readonly pausesMs: Iterable<number>;
  /** The longest wait that the other side may ask for; a longer one ends the tries. Without it what it asks for is not looked at. */
  readonly longestAskedMs?: number;
  /** An asked wait stands in place of the pause, also where it is shorter. Otherwise it can only make the pause longer. */
  readonly askedWins?: boolean;
  /** What may be spent on tries of this kind, shared with others. Default: only the pauses bound them. */
  readonly budget?: (error: PsiError) => RetryBudget;
  /** Is this failure worth another try? Default: every one that may pass (`retry` is not `no`). */
  readonly worthIt?: (error: PsiError) => boolean;
};

export type RetryDeps = {
  readonly clock: Pick<Clock, 'sleep' | 'monotonic'>;
  /** Ends a pause, and with it the tries: rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Before each pause. */
  readonly onRetry?: (error: PsiError, pauseMs: number) => void;
};

/** What the tries of a whole run may take together, whoever makes them: calls that failed, and the pauses after them. */
export class RetryBudget {
  #leftMs: number;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  get leftMs(): number {
    return this.#leftMs;
  }

  spend(ms: number): void {
    this.#leftMs = Math.max(0, this.#leftMs - ms);
  }
}

/** Resolves with the first try that does; rejects with the failure of the last. `attempt` counts from 0. */
export async function withRetries<T>(
  rule: RetryRule,
  deps: RetryDeps,
  call: (attempt: number) => Promise<T>,
): Promise<T> {
  const pauses = rule.pausesMs[Symbol.iterator]();
  for (let attempt = 0; ; attempt += 1) {
    const startedAt = deps.clock.monotonic();
    try {
      return await call(attempt);
    } catch (thrown) {
      const error = toPsiError(thrown);
      const budget = rule.budget?.(error);
      budget?.spend(deps.clock.monotonic() - startedAt);
      const pauseMs = within(budget, pauseAfter(rule, error, pauses), error);
      if (pauseMs === undefined) throw error;
      deps.onRetry?.(error, pauseMs);
      await deps.clock.sleep(pauseMs, deps.signal);
    }
  }
}

/** A second try at once, and no third: for what a pause would not mend, and somebody waits for. */
export function onceMore<T>(call: (attempt: number) => Promise<T>, worthIt?: (error: PsiError) => boolean): Promise<T> {
  return withRetries({ pausesMs: [0], ...(worthIt && { worthIt }) }, { clock: NO_PAUSE }, call);
}

const NO_PAUSE = { sleep: () => Promise.resolve(), monotonic: () => 0 };

/** Pauses without an end, each twice the one before, up to the longest. Bounded by the signal of whoever waits. */
export function* doublingPauses(firstMs: number, longestMs: number): Generator<number, never> {
  for (let pause = firstMs; ; pause = Math.min(pause * 2, longestMs)) yield pause;
}

function pauseAfter(rule: RetryRule, error: PsiError, pauses: Iterator<number>): number | undefined {
  const { longestAskedMs, askedWins = false, worthIt = mayPass } = rule;
  if (!worthIt(error)) return undefined;
  const next = pauses.next();
  if (next.done === true) return undefined;
  const asked = longestAskedMs === undefined ? undefined : error.retryAfterMs;
  if (asked === undefined || longestAskedMs === undefined) return next.value;
  if (asked > longestAskedMs) return undefined;
  return askedWins ? asked : Math.max(asked, next.value);
}

/** A pause that is left of the budget. One that the other side asked for is not made shorter: coming too early can prolong it. */
function within(
  budget: RetryBudget | undefined,
  pauseMs: number | undefined,
  { retryAfterMs = 0 }: PsiError,
): number | undefined {
  if (!budget || pauseMs === undefined) return pauseMs;
  if (budget.leftMs === 0 || retryAfterMs > budget.leftMs) return undefined;
  const kept = Math.min(pauseMs, budget.leftMs);
  budget.spend(kept);
  return kept;
}

function mayPass({ retry }: PsiError): boolean {
  return retry !== 'no';
}
