// The driver face: what Podman's curl asks. Thin: routes, the token check, and answers without a body where Podman would print it.

import { timingSafeEqual, createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { PsiError, toPsiError } from '../core/error.ts';
import { MAX_MAPPING_BYTES } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { UNKNOWN_CALLER } from '../core/caller.ts';
import type { Answer } from '../lookup/answer.ts';
import type { Lookup } from '../lookup/lookup.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { notAnId, printable } from '../core/naming.ts';
import type { RefusalEvent } from '../lookup/audit-log.ts';
import type { HelperUse } from '../lookup/helper-use.ts';
import { COMMAND_HEADER, curlRefusal, type HostCurl } from '../lookup/host-curl.ts';
import type { DriverStore } from '../lookup/driver-store.ts';
import { sendError, sendReason } from './error-to-response.ts';
import { sendJson } from './json.ts';
import { IN_ONE_PIECE, type FirstAnswer } from './quick-connections.ts';
import { quickLookup } from './quick-lookup.ts';

export type DriverDeps = {
  readonly lookup: Lookup;
  readonly register: DriverStore;
  /** Tokens accepted now; empty: the socket's mode is the only guard. */
  readonly tokens: () => readonly SecretValue[];
  /** Why no request is taken at all but for the health check; undefined: it is. */
  readonly closed?: () => PsiError | undefined;
  readonly mappings: Pick<MappingTable, 'get' | 'nameOf' | 'reading'>;
  readonly hostCurl: Pick<HostCurl, 'saw'>;
  readonly helperUse: Pick<HelperUse, 'saw'>;
  /** Beside `status: ok`, which says that PSI serves: one line for each part that may have a problem of its own. */
  readonly health: () => Readonly<Record<string, string>>;
  /** For each request that failed, but for a lookup, which has its own line. */
  readonly onRefused: (event: RefusalEvent) => void;
  readonly onError: (error: PsiError, route: string) => void;
};

const KINDS = ['store', 'delete', 'list', 'lookup'] as const;
type Kind = (typeof KINDS)[number];

/** What a request asks for, as far as its first line tells. */
type Asked = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  /** Undefined: no route of this face. */
  readonly kind: Kind | undefined;
  /** As it was sent; undefined: the path has none, or more behind it. */
  readonly rawId: string | undefined;
};

/** On bare node:http: Express costs a start 44 ms and each lookup a third of its time, and five routes need none. */
export function driverFace(deps: DriverDeps): RequestListener {
  return (request, response) => {
    const asked = askedOf(request, response);
    try {
      const late = answer(deps, asked);
      if (late instanceof Promise) {
        late.catch((thrown: unknown) => {
          refuse(deps, asked, thrown);
        });
      }
    } catch (thrown) {
      refuse(deps, asked, thrown);
    }
  };
}

/** For lookups whose value is at hand; that of any other request is `driverFace`'s, which says why there is none. */
export function driverQuick(deps: DriverDeps): FirstAnswer {
  return (first) => {
    const asked = quickLookup(first.toString('latin1'));
    if (asked === undefined || deps.mappings.reading(asked.id)) return undefined;
    try {
      admit(deps, 'lookup', asked);
    } catch {
      return undefined;
    }
    const { id, mark } = asked;
    const found = deps.lookup.atHand({ id, mapping: deps.mappings.get(id), caller: UNKNOWN_CALLER });
    if (found === undefined) return undefined;
    const { answer, sent } = found;
    const noted = (): void => {
      try {
        sent();
      } catch (thrown) {
        deps.onError(toPsiError(thrown), 'GET lookup');
      }
    };
    return { head: headOf(answer, mark !== undefined), rest: answer.value.expose(), sent: noted };
  };
}

function headOf(answer: Answer, own: boolean): string {
  const fields = Object.entries(fieldsOf(answer, own)).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  return `HTTP/1.1 200 OK\r\n${fields.join('')}Connection: close\r\n\r\n`;
}

function askedOf(request: IncomingMessage, response: ServerResponse): Asked {
  const [path = ''] = (request.url ?? '').split('?', 1);
  const [, first, rawId, ...more] = path.split('/');
  const kind = KINDS.find((one) => one === first);
  return { request, response, path, kind, rawId: more.length === 0 && rawId !== '' ? rawId : undefined };
}

/** Without a promise where the answer is at hand: most lookups are. */
function answer(deps: DriverDeps, asked: Asked): Promise<void> | undefined {
  const { request, response, path, kind, rawId } = asked;
  if (request.method === 'GET' && path === '/healthz') {
    deps.hostCurl.saw(request.headers['user-agent']);
    sendJson(response, { status: 'ok', ...deps.health() });
    return undefined;
  }
  admit(deps, kind, senderOf(request));
  const id = rawId === undefined ? undefined : decoded(rawId);
  switch (`${request.method ?? ''} ${kind ?? ''}`) {
    case 'GET lookup':
      if (id !== undefined) return whenRead(deps, asked, id);
      break;
    case 'POST store':
      if (id !== undefined) return store(deps, asked, id);
      break;
    case 'DELETE delete':
      if (id !== undefined) return forget(deps, asked, id);
      break;
    case 'GET list':
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end(
        deps.register
          .list()
          .map((one) => `${one}\n`)
          .join(''),
      );
      return undefined;
  }
  // `/delete/` with nothing behind it is Podman deleting "the old secret" of a name that is new: it must fail.
  if (/^\/(lookup|store|delete)\/?$/.test(path)) throw notAnId();
  throw new PsiError('NOT_FOUND', 'no such route');
}

/** What a request says of who sends it. */
type Sender = {
  readonly agent?: string | undefined;
  readonly authorization?: string | undefined;
  /** Of PSI's own commands. */
  readonly mark?: string | readonly string[] | undefined;
};

function senderOf({ headers }: IncomingMessage): Sender {
  return { agent: headers['user-agent'], authorization: headers.authorization, mark: headers[COMMAND_HEADER] };
}

/** Whether a request is taken at all. */
function admit(deps: DriverDeps, kind: Kind | undefined, { agent, authorization, mark }: Sender): void {
  const closed = deps.closed?.();
  if (closed) throw closed;
  checkToken(authorization, deps.tokens());
  deps.hostCurl.saw(agent);
  if (kind === 'lookup') deps.helperUse.saw(mark);
  // A delete prints nothing that becomes a value, and what an old curl cannot use can be removed with it.
  const refusal = curlRefusal({ own: mark !== undefined && (kind === 'lookup' || kind === 'store'), agent });
  if (refusal) throw refusal;
}

/** Of a mapping that nobody has asked for since the start, the file is read first. */
function whenRead(deps: DriverDeps, asked: Asked, id: string): Promise<void> | undefined {
  const reading = deps.mappings.reading(id);
  return reading ? reading.then(() => lookUp(deps, asked, id)) : lookUp(deps, asked, id);
}

/** Found or not, it has a line of its own. */
function lookUp(deps: DriverDeps, asked: Asked, id: string): Promise<void> | undefined {
  const { request, response } = asked;
  const failed = (thrown: unknown): void => {
    sendFailed(deps, asked, thrown);
  };
  try {
    const found = deps.lookup.answer({ id, mapping: deps.mappings.get(id), caller: UNKNOWN_CALLER });
    if (found instanceof Promise) {
      return found.then((late) => {
        sendAnswer(request, response, late);
      }, failed);
    }
    sendAnswer(request, response, found);
  } catch (thrown) {
    failed(thrown);
  }
  return undefined;
}

async function store(deps: DriverDeps, asked: Asked, id: string): Promise<void> {
  const body = await bodyOf(asked, deps.register.most);
  try {
    await deps.register.store(id, body);
  } finally {
    // It may be a value.
    body.fill(0);
  }
  asked.response.end();
}

async function forget(deps: DriverDeps, { response }: Asked, id: string): Promise<void> {
  await deps.register.forget(id);
  response.end();
}

function decoded(rawId: string): string {
  if (!rawId.includes('%')) return rawId;
  try {
    return decodeURIComponent(rawId);
  } catch (cause) {
    throw new PsiError('BAD_REQUEST', 'malformed request', { cause });
  }
}

/** Of a store. What is larger than all that may be kept is read no further. */
function bodyOf({ request, response }: Asked, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.byteLength;
      chunks.push(chunk);
      if (length <= most) return;
      request.off('data', take).pause();
      response.setHeader('connection', 'close');
      reject(tooLarge(most));
    };
    request.on('data', take);
    request.once('end', () => {
      resolve(Buffer.concat(chunks));
    });
    request.once('error', (cause) => {
      reject(new PsiError('BAD_REQUEST', 'malformed request', { cause }));
    });
  });
}

function tooLarge(most: number): PsiError {
  const bound = most > MAX_MAPPING_BYTES ? 'a secret of podman may be' : 'any mapping';
  return new PsiError('NOT_A_MAPPING', `the body is larger than ${bound}, so it was not stored`, {
    hint: 'use `podman secret create --driver file NAME -` for a value of your own',
  });
}

function refuse(deps: DriverDeps, asked: Asked, thrown: unknown): void {
  deps.onRefused(refusalOf(asked, sendFailed(deps, asked, thrown), deps.mappings));
}

function sendFailed(deps: DriverDeps, { request, response, path, kind, rawId }: Asked, thrown: unknown): PsiError {
  const send = isOwn(request) ? sendReason : sendError;
  const name = kind === 'lookup' && rawId !== undefined ? deps.mappings.nameOf(rawId) : undefined;
  const sent = send(response, thrown, name);
  deps.onError(sent, `${request.method ?? ''} ${path.split('/')[1] ?? ''}`);
  return sent;
}

function refusalOf({ request, path, kind }: Asked, error: PsiError, mappings: DriverDeps['mappings']): RefusalEvent {
  const id = path.split('/')[2];
  const agent = request.headers['user-agent'];
  return {
    request: kind ?? 'other',
    id: id === undefined ? undefined : printable(id),
    name: id === undefined ? undefined : mappings.nameOf(id),
    caller: UNKNOWN_CALLER,
    agent: agent === undefined ? undefined : printable(agent),
    error,
  };
}

/** Is this PSI's own command? It prints the type of an answer as the reason of a failure. */
function isOwn(request: IncomingMessage): boolean {
  return request.headers[COMMAND_HEADER] !== undefined;
}

/** Of an answer's head, the same however it is sent. */
function fieldsOf({ value, source, ageMs }: Answer, own: boolean): Readonly<Record<string, string | number>> {
  return {
    ...(own ? {} : { 'content-type': 'application/octet-stream' }),
    'content-length': value.byteLength,
    'psi-source': source,
    'psi-age': ageMs === undefined ? 'unknown' : Math.floor(ageMs / 1000),
  };
}

function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const bytes = answer.value.expose();
  response.writeHead(200, fieldsOf(answer, isOwn(request)));
  // As text it leaves in one piece with the head; as bytes it would be a write of its own.
  if (bytes.byteLength <= IN_ONE_PIECE) response.end(Buffer.from(bytes).toString('latin1'), 'latin1');
  else response.end(bytes);
}

function checkToken(authorization: string | undefined, tokens: readonly SecretValue[]): void {
  if (tokens.length === 0) return;
  const given = digest(new TextEncoder().encode(authorization ?? ''));
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
