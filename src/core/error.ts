// The error taxonomy: a closed union of codes, and what each means to HTTP clients and to a shell.
// Adapters translate into PsiError at their border; faces (http/, cli/) only map it.

export const ERROR_CODES = [
  'USAGE',
  'CONFIG_INVALID',
  'BAD_REQUEST',
  'NOT_A_MAPPING',
  'UNAUTHENTICATED',
  'NOT_FOUND',
  'CONFLICT',
  'DRIFT',
  'PROVIDER_DENIED',
  'PROVIDER_DOWN',
  'THROTTLED',
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
    this.hint = init.hint;
    this.retry = init.retry ?? 'no';
    this.retryAfterMs = init.retryAfterMs;
    this.details = init.details ?? {};
    // Not enumerable: a vendor's error may carry request and response, and loggers print what they can enumerate.
    if (init.cause !== undefined) {
      Object.defineProperty(this, 'cause', { value: init.cause, enumerable: false, configurable: true });
    }
  }
}

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 500,
  BAD_REQUEST: 400,
  NOT_A_MAPPING: 422,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  CONFLICT: 409,
  DRIFT: 409,
  PROVIDER_DENIED: 502,
  PROVIDER_DOWN: 503,
  THROTTLED: 503,
  VALUE_HIDDEN: 502,
  DEADLINE: 504,
  SERVICE_DOWN: 503,
  KEY_UNAVAILABLE: 503,
  CACHE_CORRUPT: 503,
  BAD_CERTIFICATE: 502,
  HOST: 502,
  INTERNAL: 500,
};

// sysexits numbers, which systemd names in `systemctl status`; 3 is PSI's own "drift".
const EXIT_CODE: Readonly<Record<ErrorCode, number>> = {
  USAGE: 64,
  CONFIG_INVALID: 78,
  BAD_REQUEST: 65,
  NOT_A_MAPPING: 65,
  UNAUTHENTICATED: 77,
  NOT_FOUND: 66,
  CONFLICT: 73,
  DRIFT: 3,
  PROVIDER_DENIED: 77,
  PROVIDER_DOWN: 69,
  THROTTLED: 75,
  VALUE_HIDDEN: 77,
  DEADLINE: 75,
  SERVICE_DOWN: 69,
  KEY_UNAVAILABLE: 69,
  CACHE_CORRUPT: 65,
  BAD_CERTIFICATE: 65,
  HOST: 74,
  INTERNAL: 70,
};

/** The HTTP status that the driver face and the control face answer for a code. */
export function httpStatus(code: ErrorCode): number {
  return HTTP_STATUS[code];
}

/** The exit status of a command that ends with a code. */
export function exitCode(code: ErrorCode): number {
  return EXIT_CODE[code];
}

/** Anything thrown, as a PsiError: an unknown one is a bug (INTERNAL), its own text stays in `cause` for the log. */
export function toPsiError(thrown: unknown): PsiError {
  if (thrown instanceof PsiError) return thrown;
  return new PsiError('INTERNAL', 'unexpected error inside psi', {
    hint: 'see `journalctl -u psi` and report it with the lines found there',
    cause: thrown,
  });
}
