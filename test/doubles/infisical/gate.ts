// The way into every route, in the server's order: token, body, rate limit, then the handler with its fields.
// Also turns failures into answers. Routes themselves never touch Express.
import { randomBytes, type X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import express from 'express';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { ApiFailure, answerTo, unknownRouteBody } from './errors.ts';
import { Fields, isRecord } from './fields.ts';
import { RateLimited } from './rate-limit.ts';
import type { Credentials } from './credentials.ts';
import type { Knobs } from './knobs.ts';
import type { MachineLogins } from './machine-logins.ts';
import type { Traits } from './generations.ts';
import type { Identity } from './model.ts';
import type { Pki } from './pki.ts';
import type { RateClass, RateLimiter, RateState } from './rate-limit.ts';
import type { SecretLister } from './listing.ts';
import type { SecretReader } from './reading.ts';
import type { DoubleState } from './state.ts';
import type { Tokens } from './tokens.ts';
import type { SecretWriter } from './writing.ts';

export interface Machine {
  readonly traits: Traits;
  readonly state: DoubleState;
  readonly knobs: Knobs;
  readonly tokens: Tokens;
  readonly credentials: Credentials;
  readonly logins: MachineLogins;
  readonly limiter: RateLimiter;
  readonly lister: SecretLister;
  readonly reader: SecretReader;
  readonly writer: SecretWriter;
  readonly pki: Pki;
}

export interface OpenCall {
  readonly query: Fields;
  readonly body: Fields;
  /** A path parameter, trimmed as the server does. */
  readonly param: (name: string) => string;
  /** As the proxy in front of the server hands it on. */
  readonly clientCertificate: X509Certificate | undefined;
  /** undefined over a unix socket. */
  readonly address: string | undefined;
}

export interface AuthedCall extends OpenCall {
  readonly identity: Identity;
}

/** Fastify's default; nothing in the server overrides it. */
const BODY_LIMIT = 1024 * 1024;
/** Fastify's router answers longer path parameters as if the route did not exist. */
const PARAM_LIMIT = 100;

export function open(machine: Machine, rateClass: RateClass, answer: (call: OpenCall) => object): RequestHandler[] {
  return [...readBody, limit(machine, rateClass), (req, res) => res.json(answer(openCall(req)))];
}

export function authed(machine: Machine, rateClass: RateClass, answer: (call: AuthedCall) => object): RequestHandler[] {
  const identities = new WeakMap<Request, Identity>();
  const authenticate: RequestHandler = (req, _res, next) => {
    const { authorization } = req.headers;
    if (authorization === undefined) throw new ApiFailure('unauthorized', 'Token missing');
    // Seen on June 2025 (row 27), July 2024 inferred: the scheme is cut off and never looked at.
    identities.set(req, machine.tokens.use(authorization.slice('Bearer '.length).trim(), req.socket.remoteAddress));
    next();
  };
  const handle: RequestHandler = (req, res) => {
    const identity = identities.get(req);
    if (identity === undefined) throw new ApiFailure('internal', 'Something went wrong');
    res.json(answer({ ...openCall(req), identity }));
  };
  return [refuseLongNames(machine), authenticate, ...readBody, limit(machine, rateClass), handle];
}

const refuseEmptyJson: RequestHandler = (req, _res, next) => {
  const announced = req.headers['content-length'] ?? req.headers['transfer-encoding'] ?? '0';
  if (
    req.method !== 'GET' &&
    announced === '0' &&
    req.is('json') !== false &&
    req.headers['content-type'] !== undefined
  ) {
    throw new BodyFailure('FST_ERR_CTP_EMPTY_JSON_BODY', 400);
  }
  next();
};

const readBody: readonly RequestHandler[] = [refuseEmptyJson, express.json({ limit: BODY_LIMIT, strict: false })];

function limit(machine: Machine, rateClass: RateClass): RequestHandler {
  return (req, res, next) => {
    const { path } = req.route as { readonly path: string };
    const state = machine.limiter.take(`${req.method} ${path}`, rateClass, machine.knobs.values.limits);
    if (state !== undefined) setRateHeaders(res, state);
    next();
  };
}

/** A slash in a name is no end of it: it is routed like any other (row 22; seen on June 2025). */
function refuseLongNames(machine: Machine): RequestHandler {
  return (req, res, next) => {
    const long = Object.values(req.params).some((value) => value.length > PARAM_LIMIT);
    if (long) answerUnknownRoute(machine, req, res);
    else next();
  };
}

function openCall(req: Request): OpenCall {
  return {
    query: new Fields(req.query),
    body: new Fields(req.body),
    param: (name) => {
      const value = req.params[name];
      return typeof value === 'string' ? value.trim() : '';
    },
    address: req.socket.remoteAddress,
    clientCertificate: req.socket instanceof TLSSocket ? req.socket.getPeerX509Certificate() : undefined,
  };
}

/** A body the framework itself refused, before any schema saw it. */
class BodyFailure extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

export function unknownRoute(machine: Machine): RequestHandler {
  return (req, res) => {
    answerUnknownRoute(machine, req, res);
  };
}

function answerUnknownRoute(machine: Machine, req: Request, res: Response): void {
  res.status(404);
  // The 2024 standalone image lets its web UI answer; which one you meet depends on how it is deployed.
  if (machine.knobs.values.unknownRoutes === 'html')
    res.type('text/html').send('<!DOCTYPE html><title>Infisical</title>');
  else res.json(unknownRouteBody(req.method, req.originalUrl));
}

// Express tells error handlers apart by their four parameters.
export function answerFailures(machine: Machine): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    if (error instanceof URIError) {
      const message = `'${req.path}' is not a valid url component`;
      res.status(400).json({ error: 'Bad Request', code: 'FST_ERR_BAD_URL', message, statusCode: 400 });
      return;
    }
    if (error instanceof RateLimited) {
      setRateHeaders(res, error.state);
      if (machine.knobs.values.retryAfterHeader) res.set('retry-after', String(error.state.seconds));
    }
    const { status, body } = answerTo(
      toFailure(error),
      machine.traits.invertedStatuses,
      `req-${randomBytes(7).toString('base64url')}`,
    );
    res.status(status).json(body);
  };
}

/** On every answer of a limited route, not only on refusals. */
function setRateHeaders(res: Response, { limit: most, remaining, seconds }: RateState): void {
  res.set({
    'x-ratelimit-limit': String(most),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(seconds),
  });
}

function toFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  // Framework errors (too large, not JSON, empty body) are no class the server's handler knows: a generic 500.
  if (error instanceof BodyFailure || isBodyParserError(error))
    return new ApiFailure('internal', 'Something went wrong');
  throw error;
}

function isBodyParserError(error: unknown): boolean {
  return error instanceof Error && isRecord(error) && typeof error['type'] === 'string';
}
