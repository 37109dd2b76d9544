// The driver face: what Podman's curl asks. Thin: routes, the token check, and answers without a body where Podman would print it.

import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { timingSafeEqual, createHash } from 'node:crypto';
import { PsiError } from '../core/error.ts';
import { MAX_MAPPING_BYTES } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { UNKNOWN_CALLER } from '../core/caller.ts';
import type { Answer } from '../lookup/answer.ts';
import type { Lookup } from '../lookup/lookup.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { notAnId, printable } from '../core/naming.ts';
import type { RefusalEvent } from '../lookup/audit-log.ts';
import { COMMAND_HEADER, curlRefusal, type HostCurl } from '../lookup/host-curl.ts';
import { notAMapping, type DriverStore } from '../lookup/driver-store.ts';
import { sendError, sendReason } from './error-to-response.ts';
import { sendJson } from './json.ts';

export type DriverDeps = {
  readonly lookup: Lookup;
  readonly register: DriverStore;
  /** Tokens accepted now; empty: the socket's mode is the only guard. */
  readonly tokens: () => readonly SecretValue[];
  /** Why no request is taken at all but for the health check; undefined: it is. */
  readonly closed?: () => PsiError | undefined;
  readonly mappings: Pick<MappingTable, 'get' | 'nameOf'>;
  readonly hostCurl: Pick<HostCurl, 'saw'>;
  /** Beside `status: ok`, which says that PSI serves: one line for each part that may have a problem of its own. */
  readonly health: () => Readonly<Record<string, string>>;
  /** For each request that failed, but for a lookup, which has its own line. */
  readonly onRefused: (event: RefusalEvent) => void;
  readonly onError: (error: PsiError, route: string) => void;
};

/** Set on the response of a lookup that keeps its own line. */
const AUDITED = 'audited';
const KINDS = ['store', 'delete', 'list', 'lookup'] as const;

export function driverApp(deps: DriverDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.get('/healthz', (request, response) => {
    deps.hostCurl.saw(request.get('user-agent'));
    sendJson(response, { status: 'ok', ...deps.health() });
  });
  app.use((request, _response, next) => {
    const closed = deps.closed?.();
    if (closed) throw closed;
    checkToken(request, deps.tokens());
    const agent = request.get('user-agent');
    deps.hostCurl.saw(agent);
    // A delete prints nothing that becomes a value, and what an old curl cannot use can be removed with it.
    const own = isOwn(request) && /^\/(?:lookup|store)\//.test(request.path);
    next(curlRefusal({ own, agent }));
  });
  app.get('/lookup/:id', (request, response, next) => {
    const { id } = request.params;
    response.locals[AUDITED] = true;
    const answer = deps.lookup.answer({ id, mapping: deps.mappings.get(id), caller: UNKNOWN_CALLER });
    if (answer instanceof Promise) {
      answer
        .then((late) => {
          sendAnswer(request, response, late);
        })
        .catch(next);
    } else sendAnswer(request, response, answer);
  });
  app.post('/store/:id', express.raw({ type: () => true, limit: MAX_MAPPING_BYTES }), async (request, response) => {
    const body: unknown = request.body;
    if (!Buffer.isBuffer(body)) throw notAMapping();
    await deps.register.store(request.params.id, body);
    response.end();
  });
  app.delete('/delete/:id', async (request, response) => {
    await deps.register.forget(request.params.id);
    response.end();
  });
  app.get('/list', (_request, response) => {
    response.type('text/plain').send(
      deps.register
        .list()
        .map((id) => `${id}\n`)
        .join(''),
    );
  });
  app.use((request: Request) => {
    // `/delete/` with nothing behind it is Podman deleting "the old secret" of a name that is new: it must fail.
    if (/^\/(lookup|store|delete)\/?$/.test(request.path)) throw notAnId();
    throw new PsiError('NOT_FOUND', 'no such route');
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const id = /^\/lookup\/([^/]+)$/.exec(request.path)?.[1];
    const send = isOwn(request) ? sendReason : sendError;
    const sent = send(response, error, id === undefined ? undefined : deps.mappings.nameOf(id));
    if (response.locals[AUDITED] !== true) deps.onRefused(refusalOf(request, sent, deps.mappings));
    deps.onError(sent, `${request.method} ${request.path.split('/')[1] ?? ''}`);
  });
  return app;
}

function refusalOf(request: Request, error: PsiError, mappings: DriverDeps['mappings']): RefusalEvent {
  const [, route, id] = request.path.split('/');
  const agent = request.get('user-agent');
  return {
    request: KINDS.find((kind) => kind === route) ?? 'other',
    id: id === undefined ? undefined : printable(id),
    name: id === undefined ? undefined : mappings.nameOf(id),
    caller: UNKNOWN_CALLER,
    agent: agent === undefined ? undefined : printable(agent),
    error,
  };
}

/** Is this PSI's own command? It prints the type of an answer as the reason of a failure. */
function isOwn(request: Request): boolean {
  return request.get(COMMAND_HEADER) !== undefined;
}

function sendAnswer(request: Request, response: Response, { value, source, ageMs }: Answer): void {
  const bytes = value.expose();
  response.writeHead(200, {
    ...(isOwn(request) ? {} : { 'content-type': 'application/octet-stream' }),
    'content-length': bytes.byteLength,
    'psi-source': source,
    'psi-age': ageMs === undefined ? 'unknown' : Math.floor(ageMs / 1000),
  });
  response.end(bytes);
}

function checkToken(request: Request, tokens: readonly SecretValue[]): void {
  if (tokens.length === 0) return;
  const given = digest(new TextEncoder().encode(request.get('authorization') ?? ''));
  const match = tokens.some((token) =>
    timingSafeEqual(given, digest(new TextEncoder().encode(`Bearer ${token.exposeText()}`))),
  );
  if (!match) {
    throw new PsiError('UNAUTHENTICATED', 'the socket token is missing or wrong', {
      hint: 'run `podman exec psi psi setup`: it writes the header file that podman sends',
    });
  }
}

// Equal lengths whatever was sent, so that the comparison takes the same time.
function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
