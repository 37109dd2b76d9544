// PsiError → HTTP response. Podman drops the body of a failure; the `psi-hint` header is what its curl prints into the journal.

import type { ServerResponse } from 'node:http';
import { failureOf } from '../core/failure.ts';
import { PsiError, toPsiError, type ErrorCode } from '../core/error.ts';
import { sendJson } from './json.ts';

const MAX_HINT = 500;

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 500,
  BAD_REQUEST: 400,
  NOT_A_MAPPING: 422,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  PLACE_NOT_FOUND: 404,
  CONFLICT: 409,
  DRIFT: 409,
  PROVIDER_DENIED: 502,
  PROVIDER_DOWN: 503,
  THROTTLED: 503,
  ANSWER_TOO_LARGE: 502,
  VALUE_HIDDEN: 502,
  DEADLINE: 504,
  SERVICE_DOWN: 503,
  KEY_UNAVAILABLE: 503,
  CACHE_CORRUPT: 503,
  BAD_CERTIFICATE: 502,
  HOST: 502,
  INTERNAL: 500,
};

/** The HTTP status that the driver face and the control face answer for a code. */
export function httpStatus(code: ErrorCode): number {
  return HTTP_STATUS[code];
}

/** One printable ASCII line: what failed and what to do, after the secret's name where it is known. */
export function hintLine(error: PsiError, subject?: string): string {
  const what = subject === undefined ? error.message : `${subject}: ${error.message}`;
  const text = error.hint === undefined ? what : `${what}; hint: ${error.hint}`;
  const line = text.replace(/[^\x20-\x7e]+/g, '?');
  return line.length > MAX_HINT ? `${line.slice(0, MAX_HINT - 3)}...` : line;
}

export function sendError(response: ServerResponse, thrown: unknown, subject?: string): PsiError {
  return sendFailure(response, { thrown, subject }, (error) => {
    sendJson(response, failureOf(error));
  });
}

/** For PSI's own driver command: the type is what each curl can print into the journal, and prints nothing of on success. */
export function sendReason(response: ServerResponse, thrown: unknown, subject?: string): PsiError {
  return sendFailure(response, { thrown, subject }, (error) => {
    response.setHeader('content-type', `psi: ${hintLine(error, subject)}`);
    response.end();
  });
}

type Failed = { readonly thrown: unknown; readonly subject: string | undefined };

function sendFailure(
  response: ServerResponse,
  { thrown, subject }: Failed,
  sendRest: (error: PsiError) => void,
): PsiError {
  const error = fromExpress(thrown) ?? toPsiError(thrown);
  if (response.headersSent) {
    response.destroy();
    return error;
  }
  response.statusCode = httpStatus(error.code);
  response.setHeader('psi-code', error.code);
  response.setHeader('psi-hint', hintLine(error, subject));
  sendRest(error);
  return error;
}

// Express and its body parser throw http-errors: bad percent-encoding, a body over the limit, an aborted request.
function fromExpress(thrown: unknown): PsiError | undefined {
  if (thrown instanceof PsiError || !(thrown instanceof Error) || !('status' in thrown)) return undefined;
  if (typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500) {
    return new PsiError('BAD_REQUEST', 'malformed request', { cause: thrown });
  }
  return undefined;
}
