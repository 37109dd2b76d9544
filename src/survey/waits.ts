// How long a survey waits for a provider: it is no driver request, and nobody's lock is held.

import { RetryBudget } from '../core/retry.ts';
import type { PsiError } from '../core/error.ts';

/** Pauses between the tries of one question. */
export const SETUP_PAUSES_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

/** A server that wants to be left alone for longer is not waited for: whoever runs setup is told the time. */
export const LONGEST_ASKED_MS = 5 * 60_000;

/** What one run spends on tries that failed, for each provider: with hundreds of folders one that is down would hold a boot up for hours. */
type Bounds = {
  /** A network or a server that comes up late. */
  readonly troubleMs: number;
  /** Limits end by themselves. */
  readonly limitsMs: number;
};

/** Somebody has to be given what could not be listed. */
export const PATIENT: Bounds = { troubleMs: 60_000, limitsMs: 15 * 60_000 };

/** All that is wanted is there from before, and containers may be waiting for the end of the run. */
export const HURRIED: Bounds = { troubleMs: 0, limitsMs: 60_000 };

/** Nobody is waited for: the next run is the next try. */
export const ONCE: Bounds = { troubleMs: 0, limitsMs: 0 };

type Budgets = { readonly trouble: RetryBudget; readonly limits: RetryBudget };

/** The budgets of one run. */
export class Patience {
  readonly #bounds: Bounds;
  readonly #byProvider = new Map<string, Budgets>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  of(provider: string): (error: PsiError) => RetryBudget {
    const { troubleMs, limitsMs } = this.#bounds;
    const budgets = this.#byProvider.get(provider) ?? {
      trouble: new RetryBudget(troubleMs),
      limits: new RetryBudget(limitsMs),
    };
    this.#byProvider.set(provider, budgets);
    return ({ code }) => (code === 'THROTTLED' ? budgets.limits : budgets.trouble);
  }
}
