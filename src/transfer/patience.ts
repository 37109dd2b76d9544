// A secrets manager's limit, waited out for people who can wait.

import type { Clock } from '../core/clock.ts';
import type { PsiError } from '../core/error.ts';
import { withRetries, type RetryRule } from '../core/retry.ts';

/** Only a limit: of anything else nobody knows whether the server has carried it out. Servers count requests by the minute. */
const LIMIT: RetryRule = {
  pausesMs: Array.from({ length: 5 }, () => 10_000),
  longestAskedMs: 65_000,
  askedWins: true,
  worthIt: ({ code }) => code === 'THROTTLED',
};

export type Patience = {
  readonly clock: Clock;
  /** Before each wait, which can take a minute: somebody should know. */
  readonly onWait: (error: PsiError, waitMs: number) => void;
};

/** Makes the call again for as long as a limit asks for it, five times at most. */
export function patiently<T>({ clock, onWait }: Patience, call: () => Promise<T>): Promise<T> {
  return withRetries(LIMIT, { clock, onRetry: onWait }, call);
}
