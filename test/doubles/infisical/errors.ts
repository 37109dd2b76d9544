// Failures as the server words them: one class, and per generation the status and body it turns into.
// The July 2024 server swaps 401 and 403 and answers 403 to a malformed request; do not "correct" that here.

export type FailureKind =
  | 'bad-request'
  | 'validation'
  | 'unauthorized'
  | 'token'
  | 'permission'
  | 'forbidden'
  | 'not-found'
  | 'rate-limit'
  | 'internal';

export interface Issue {
  readonly code: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly [extra: string]: unknown;
}

interface FailureOptions {
  readonly error?: string;
  readonly details?: readonly unknown[];
  readonly issues?: readonly Issue[];
}

export class ApiFailure extends Error {
  readonly kind: FailureKind;
  readonly error: string;
  readonly details: readonly unknown[] | undefined;
  readonly issues: readonly Issue[] | undefined;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message);
    this.name = 'ApiFailure';
    this.kind = kind;
    this.error = options.error ?? DEFAULT_ERROR[kind];
    this.details = options.details;
    this.issues = options.issues;
  }
}

const DEFAULT_ERROR: Readonly<Record<FailureKind, string>> = {
  'bad-request': 'BadRequest',
  validation: 'ValidationFailure',
  unauthorized: 'UnauthorizedError',
  token: 'TokenError',
  permission: 'PermissionDenied',
  forbidden: 'ForbiddenError',
  'not-found': 'NotFound',
  'rate-limit': 'RateLimitExceeded',
  internal: 'InternalServerError',
};

const STATUS: Readonly<Record<'current' | 'inverted', Readonly<Record<FailureKind, number>>>> = {
  current: {
    'bad-request': 400,
    validation: 422,
    unauthorized: 401,
    token: 403,
    permission: 403,
    forbidden: 403,
    'not-found': 404,
    'rate-limit': 429,
    internal: 500,
  },
  inverted: {
    'bad-request': 400,
    validation: 403,
    unauthorized: 403,
    token: 500,
    permission: 401,
    forbidden: 500,
    'not-found': 404,
    'rate-limit': 429,
    internal: 500,
  },
};

/** The JWT library's own words, as the 2024 server lets them through; the current server rewords two of them. */
const TOKEN_WORDING: Readonly<Record<string, string>> = {
  'jwt expired': 'Your token has expired. Please re-authenticate.',
  'jwt malformed':
    'The provided access token is malformed. Please use a valid token or generate a new one and try again.',
};

export interface FailureAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export function answerTo(failure: ApiFailure, inverted: boolean, reqId: string): FailureAnswer {
  const statusCode = STATUS[inverted ? 'inverted' : 'current'][failure.kind];
  if (inverted) {
    // An error class its handler does not know goes through Fastify's own serialiser.
    const error = failure.kind === 'token' || failure.kind === 'forbidden' ? 'Internal Server Error' : failure.error;
    return { status: statusCode, body: { statusCode, message: failure.issues ?? failure.message, error } };
  }
  const message = failure.issues ?? TOKEN_WORDING[failure.message] ?? failure.message;
  const details = failure.details === undefined ? {} : { details: failure.details };
  return { status: statusCode, body: { reqId, statusCode, message, error: failure.error, ...details } };
}

/** Fastify's stock answer to a route nobody registered: no reqId. */
export function unknownRouteBody(method: string, url: string): Readonly<Record<string, unknown>> {
  return { message: `Route ${method}:${url} not found`, error: 'Not Found', statusCode: 404 };
}
