// PsiError → HTTP response. Podman drops the body of a failure; the `psi-hint` header is what its curl prints into the journal.

import type { Response } from 'express';
import { httpStatus, PsiError, toPsiError } from '../core/error.ts';

const MAX_HINT = 300;

/** One printable ASCII line: what failed and what to do, after the secret's name where it is known. */
export function hintLine(error: PsiError, subject?: string): string {
  const what = subject === undefined ? error.message : `${subject}: ${error.message}`;
  const text = error.hint === undefined ? what : `${what}; hint: ${error.hint}`;
  const line = text.replace(/[^\x20-\x7e]+/g, '?');
  return line.length > MAX_HINT ? `${line.slice(0, MAX_HINT - 3)}...` : line;
}

export function sendError(response: Response, thrown: unknown, subject?: string): PsiError {
  const error = fromExpress(thrown) ?? toPsiError(thrown);
  if (response.headersSent) {
    response.destroy();
    return error;
  }
  response.status(httpStatus(error.code));
  response.setHeader('psi-code', error.code);
  response.setHeader('psi-hint', hintLine(error, subject));
  response.json({ code: error.code, message: error.message, hint: error.hint ?? null });
  return error;
}

// Express and its body parser throw http-errors: bad percent-encoding, a body over the limit, an aborted request.
function fromExpress(thrown: unknown): PsiError | undefined {
  if (thrown instanceof PsiError || !(thrown instanceof Error) || !('status' in thrown)) return undefined;
  if (thrown.status === 413) {
    return new PsiError('NOT_A_MAPPING', 'the body is larger than any mapping, so it was not stored', {
      hint: 'use `podman secret create --driver file NAME -` for a value of your own',
    });
  }
  if (typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500) {
    return new PsiError('BAD_REQUEST', 'malformed request', { cause: thrown });
  }
  return undefined;
}
