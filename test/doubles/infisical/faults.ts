// Acts on the fault knobs before any route runs: delays, hangs, resets, injected statuses and malformed answers.
import type { RequestHandler, Response } from 'express';
import { classify } from './call-log.ts';
import type { CallKind } from './call-log.ts';
import type { InjectedFailure, Knobs, Malformed } from './knobs.ts';

export function injectFaults(knobs: Knobs): RequestHandler {
  return (req, res, next) => {
    const { kind } = classify(req.method, req.path);
    const affected = knobs.affects(kind, req.query['secretPath']);
    const act = (): void => {
      const { outage, status, malformed } = knobs.values;
      if (affected && (outage === 'hang' || outage === 'redis')) return;
      if (affected && outage === 'reset') {
        req.socket.destroy();
        return;
      }
      const down = affected && outage === 'database' ? withoutDatabase(kind) : undefined;
      const failure = down ?? knobs.takeFailure(kind) ?? (affected && status !== 0 ? { status } : undefined);
      if (failure !== undefined) answerFailure(res, failure);
      else if (affected && malformed !== 'none') answerMalformed(res, malformed);
      else next();
    };
    const { latencyMs } = knobs.values;
    if (latencyMs === 0 || !affected) {
      act();
      return;
    }
    const timer = setTimeout(act, latencyMs);
    res.once('close', () => {
      clearTimeout(timer);
    });
  };
}

/** The name of what was asked of the database: of a token, or of anything else. Seen on June 2025 (row 34). */
function withoutDatabase(kind: CallKind): InjectedFailure | undefined {
  if (kind === 'status' || kind === 'unknown') return undefined;
  const error = kind === 'login' ? 'Find one' : 'IdAccessTokenFindOne';
  return { status: 500, body: { reqId: 'req-injected', statusCode: 500, message: 'Something went wrong', error } };
}

const HTML = '<!DOCTYPE html><html><head><title>Infisical</title></head><body><div id="root"></div></body></html>';
const CUT_JSON = '{"secrets":[{"id":"5f0c","secretKey":"DB_HOST","secretVal';

function answerFailure(res: Response, failure: InjectedFailure): void {
  const body = failure.body ?? defaultBody(failure.status);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = failure.contentType ?? (typeof body === 'string' ? 'text/html' : 'application/json');
  res
    .status(failure.status)
    .set(failure.headers ?? {})
    .type(type)
    .send(text);
}

function defaultBody(status: number): unknown {
  // 502, 503 and 504 come from the proxy in front of the server, and a proxy speaks HTML.
  if (status === 502 || status === 503 || status === 504) {
    return `<html><head><title>${String(status)}</title></head><body><center><h1>${String(status)}</h1></center></body></html>`;
  }
  const error = DEFAULT_ERRORS[status] ?? 'InternalServerError';
  return { reqId: 'req-injected', statusCode: status, message: 'Something went wrong', error };
}

const DEFAULT_ERRORS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'UnauthorizedError',
  403: 'PermissionDenied',
  404: 'NotFound',
  422: 'ValidationFailure',
  429: 'RateLimitExceeded',
};

function answerMalformed(res: Response, malformed: Exclude<Malformed, 'none'>): void {
  switch (malformed) {
    case 'html':
      res.status(200).type('text/html').send(HTML);
      return;
    case 'truncated':
      res.status(200).type('application/json').send(CUT_JSON);
      return;
    case 'cut-off':
      // Promises more bytes than it sends, then drops the connection.
      res.status(200).type('application/json').set('content-length', '4096');
      res.write(CUT_JSON, () => res.destroy());
      return;
    case 'wrong-shape':
      res.status(200).json({ data: { items: 3 }, secrets: { unexpected: true }, secret: [], accessToken: 7 });
      return;
    case 'empty':
      res.status(200).type('application/json').send('');
      return;
  }
}
