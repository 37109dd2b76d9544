// Calls to a secrets manager for people, who can wait where a container could not: each has a bound of its own, and its limits are waited out.

import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type { PsiError } from '../core/error.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { RetryBudget, withRetries, type RetryRule } from '../core/retry.ts';

/** The server ends a request by itself after this time. */
const CALL_MS = 30_000;

/** Only a limit: of anything else nobody knows whether the server has carried it out. Servers count requests by the minute. */
const LIMIT: RetryRule = {
  pausesMs: Array.from({ length: 5 }, () => 10_000),
  longestAskedMs: 65_000,
  askedWins: true,
  worthIt: ({ code }) => code === 'THROTTLED',
};

/** Of all calls of one command. */
const LONGEST_MS = 15 * 60_000;

/** It takes up to a minute: whoever waits has to be told. */
export type Waiting = { readonly event: 'waiting'; readonly message: string; readonly waitMs: number };

/** `what`: for the message when it takes too long. */
export type PatientCall = <T>(what: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Calls are made again for as long as a limit asks for it, each five times at most, all for 15 minutes. `tell`: before each wait. */
export function patientCalls(
  { words, clock }: { readonly words: ProviderWords; readonly clock: Clock },
  tell: (event: Waiting) => void,
): PatientCall {
  const hint = `look at the load and the log of the ${words.name} server`;
  const onRetry = ({ message }: PsiError, waitMs: number): void => {
    tell({ event: 'waiting', message, waitMs });
  };
  const budget = new RetryBudget(LONGEST_MS);
  const rule = { ...LIMIT, budget: () => budget };
  return (what, work) =>
    withRetries(rule, { clock, onRetry }, () => withDeadline(clock, { ms: CALL_MS, what, hint }, work));
}
