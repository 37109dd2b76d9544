// The error taxonomy: a closed union of codes. What a code means to a shell stands in exit.ts.
// Adapters translate into PsiError at their border; faces (http/, cli/) only map it.

import { spoken } from './text/user-hints.ts';

export const ERROR_CODES = [
  'USAGE',
  'CONFIG_INVALID',
  'BAD_REQUEST',
  'NOT_A_MAPPING',
  'UNAUTHENTICATED',
  'NOT_FOUND',
  'PLACE_NOT_FOUND',
  'CONFLICT',
  'DRIFT',
  'PROVIDER_DENIED',
  'PROVIDER_DOWN',
  'THROTTLED',
  'ANSWER_TOO_LARGE',
  'VALUE_HIDDEN',
  'DEADLINE',
  'SERVICE_DOWN',
  'KEY_UNAVAILABLE',
  'CACHE_CORRUPT',
  'BAD_CERTIFICATE',
  'HOST',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** May the same call succeed if repeated? `now`: at once; `later`: after a pause; `no`: somebody has to act first. */
export type Retry = 'no' | 'now' | 'later';

export type ErrorInit = {
  /** One line for people: what to run or change next. Never a secret value. */
  readonly hint?: string;
  readonly retry?: Retry;
  /** For THROTTLED: how long the other side asked us to wait. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
  /** Safe to log: coordinates, statuses, ids. Never a value, token or client secret. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
};

/** The only error that crosses a layer. `message` is lower case, without full stop, and never holds a secret value. */
export class PsiError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, init: ErrorInit = {}) {
    super(message);
    this.name = 'PsiError';
    this.code = code;
    this.hint = init.hint === undefined ? undefined : spoken(init.hint);
    this.retry = init.retry ?? 'no';
    this.retryAfterMs = init.retryAfterMs;
    this.details = init.details ?? {};
    // Not enumerable: a vendor's error may carry request and response, and loggers print what they can enumerate.
    if (init.cause !== undefined) {
      Object.defineProperty(this, 'cause', { value: init.cause, enumerable: false, configurable: true });
    }
  }
}

/** Anything thrown, as a PsiError: an unknown one is a bug (INTERNAL), its own text stays in `cause` for the log. */
export function toPsiError(thrown: unknown): PsiError {
  if (thrown instanceof PsiError) return thrown;
  return new PsiError('INTERNAL', 'unexpected error inside psi', {
    hint: 'see `journalctl -u psi` and report it with the lines found there',
    cause: thrown,
  });
}
