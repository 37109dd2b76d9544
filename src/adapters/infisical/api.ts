// One request to the server and its complete answer, whatever the status. The only import of got: time limits per phase, the pool of
// connections. What an answer means is not decided here.

import type { ClientRequest } from 'node:http';
import type { SecureContext } from 'node:tls';
import type { Got, PlainResponse, Request, RequestError, StreamOptions } from 'got';
import { PsiError } from '../../core/error.ts';
import { Turns, type EndTurn } from '../../core/turns.ts';
import { namingAnswer, type AnswerRoom } from '../../provider/answers-in-flight.ts';
import { setTimeout as pause } from 'node:timers/promises';
import { agentsFor, AT_ONCE, certifiedAgent, type Agents } from './agents.ts';
import { beginningOf, wholeOf } from './body.ts';
import { connectionFailure, lateAnswer, phaseOf, type Endpoint, type Timings } from './connection-errors.ts';
import { proxyError } from './proxy-errors.ts';
import { readWays, type ProxyDeps, type Way } from './proxy.ts';
import { pauseMs } from './retry.ts';
import { secureContext, type ClientCertificate, type Trust } from './tls.ts';
import { TunnelError } from './tunnel.ts';

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below the server's address; its variable parts are already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** What of the body is secret, and must not come back in the words of a refusal. */
  readonly hidden?: readonly string[];
  readonly bearer?: string;
  /** Shown to the server on a connection of its own, which nobody else uses. */
  readonly clientCertificate?: ClientCertificate;
  /** Never made a second time, not even after an answer that was lost: the first may have happened. */
  readonly once?: true;
  /** Told once it is on its way: what to say to somebody who cannot wait for its end, by how far it has got by then. */
  readonly follow?: (late: () => PsiError) => void;
  /** Ends the request by itself; the caller's signal may end it earlier. */
  readonly timeoutMs?: number;
};

export type ServerAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** When it was sent, by the clock of who sent it; absent: that is not told, or it comes from a cache. */
  readonly date?: string;
  readonly location: string | undefined;
  /** Of a refusal only its beginning, and without anything secret that the request held, in case the other side repeats it. */
  readonly body: string;
};

export type Api = {
  /** Where it connects to, and by which proxy: for messages. */
  readonly where: string;
  /** Fails with PROVIDER_DOWN or DEADLINE when there is no complete answer, with ANSWER_TOO_LARGE when there is no room for it. */
  readonly ask: (request: ApiRequest, signal?: AbortSignal) => Promise<ServerAnswer>;
  readonly close: () => void;
};

export type ApiOptions = Trust &
  ProxyDeps & {
    readonly apiUrl: string;
    readonly verifySsl: boolean;
    readonly headers: ReadonlyMap<string, string>;
    readonly userAgent: string;
    /** Where its answers are counted, with those of all others. */
    readonly answers: AnswerRoom;
  };

const CONNECT_TIMEOUT_MS = 3_000;
const PROXY_WANTS_CREDENTIALS = 407;

/** The client, and the way that it goes. */
type Client = { readonly got: Got; readonly way: Way; readonly agents: Agents };

export function createApi(options: ApiOptions): Api {
  const { apiUrl, headers, answers } = options;
  const where = whereOf(apiUrl);
  // At once, so that a bundle which cannot be read is told before anything is asked.
  const context = secureContext(options);
  const kept = keptClient(options, context);
  const turns = new Turns(AT_ONCE);

  const ask = async (request: ApiRequest, signal?: AbortSignal): Promise<ServerAnswer> => {
    const client = await kept.get();
    const { way } = client;
    const endpoint = { apiUrl, where, way, certified: request.clientCertificate !== undefined };
    const secrets = [request.bearer, ...(request.hidden ?? []), ...headers.values()];
    let timings: Timings | undefined;
    const late = (): PsiError => lateAnswer(via(where, way), phaseOf(timings), endpoint);
    const failure = (thrown: RequestError | TunnelError): PsiError => {
      const error = failureOf(thrown, endpoint);
      // The proxy's password may be another by now.
      if (error.details['status'] === PROXY_WANTS_CREDENTIALS) kept.forget(client);
      return error;
    };
    const answered = (answer: ServerAnswer): ServerAnswer => {
      if (!way.proxy || !isOfProxy(apiUrl, answer)) return withoutSecrets(answer, secrets);
      const at = { proxy: way.proxy, target: where, step: 'answer', status: answer.status } as const;
      throw failure(new TunnelError({ code: 'PROXY_REFUSED', ...at }));
    };
    const send = (): Promise<ServerAnswer> => {
      const asked = client.got.stream(`${apiUrl}${request.path}`, optionsFor(request, client, signal));
      asked.on('request', (started: ClientRequest & { readonly timings?: Timings }) => {
        timings = started.timings;
      });
      return answerTo(asked, answers);
    };
    request.follow?.(late);
    let endTurn: EndTurn | undefined;
    try {
      endTurn = way.proxy && (await turns.take(signal));
      const tried = await tries(send, request, signal);
      throwIfLeft(signal);
      if (!(tried instanceof Error)) return answered(tried);
      throw failure(tried);
    } catch (thrown) {
      const { RequestError, TimeoutError } = await import('got');
      throwIfLeft(signal);
      if (signal?.aborted && thrown === signal.reason) throw lateAnswer(via(where, way), 'connecting', endpoint);
      // Never as a cause: got's errors carry the request's headers, and Node's parser errors the bytes received.
      if (!(thrown instanceof RequestError)) throw namingAnswer(thrown, `an answer of infisical at ${where}`);
      throw signal?.aborted || thrown instanceof TimeoutError ? late() : failure(thrown);
    } finally {
      endTurn?.();
    }
  };

  const optionsFor = (
    { method, query, body, bearer, timeoutMs, clientCertificate }: ApiRequest,
    { way }: Client,
    signal: AbortSignal | undefined,
  ): StreamOptions => ({
    method,
    timeout: {
      lookup: CONNECT_TIMEOUT_MS,
      connect: CONNECT_TIMEOUT_MS,
      secureConnect: CONNECT_TIMEOUT_MS,
      ...(timeoutMs !== undefined && { request: timeoutMs }),
    },
    ...(query && { searchParams: query }),
    ...(body && { json: body }),
    ...(bearer !== undefined && { headers: { authorization: `Bearer ${bearer}` } }),
    ...(signal && { signal }),
    ...(clientCertificate && { agent: certifiedAgent(clientCertificate, options, { way, context }) }),
  });

  return {
    get where() {
      const way = kept.way();
      return way ? via(where, way) : where;
    },
    ask,
    close: kept.close,
  };
}

type KeptClient = {
  /** The same for all calls; what the way rests on is read for the first one. */
  readonly get: () => Promise<Client>;
  /** The next call reads anew by which way to go. */
  readonly forget: (client: Client) => void;
  /** undefined: not known before the first call. */
  readonly way: () => Way | undefined;
  readonly close: () => void;
};

function keptClient(options: ApiOptions, context: SecureContext | undefined): KeptClient {
  let opened: Client | undefined;
  let opening: Promise<Client> | undefined;
  const forget = (client: Client): void => {
    client.agents.close();
    if (opened === client) opened = opening = undefined;
  };
  return {
    get: () =>
      (opening ??= openClient(options, context).then(
        (client) => (opened = client),
        (thrown: unknown) => {
          opening = undefined;
          throw thrown;
        },
      )),
    forget,
    way: () => opened?.way,
    close: () => {
      opened?.agents.close();
    },
  };
}

async function openClient(options: ApiOptions, context: SecureContext | undefined): Promise<Client> {
  const { apiUrl, verifySsl, headers, userAgent } = options;
  const way = (await readWays(options))(new URL(apiUrl));
  const agents = agentsFor(way, { verifySsl, context });
  // Loaded at the first call: it takes 100 ms, and a start that answers from the cache needs none of it.
  const { default: got } = await import('got');
  const client = got.extend({
    agent: { http: agents.http, https: agents.https },
    headers: { ...Object.fromEntries(headers), 'user-agent': userAgent, accept: 'application/json' },
    https: { rejectUnauthorized: verifySsl },
    followRedirect: false,
    throwHttpErrors: false,
  });
  return { got: client, way, agents };
}

/** Up to the end of what is wanted of it. */
async function answerTo(asked: Request, answers: AnswerRoom): Promise<ServerAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainResponse>();
  asked.once('response', resolve);
  // For good: what is given up in the middle of its answer fails once more.
  asked.on('error', reject);
  const { statusCode: status, headers } = await promise;
  return {
    status,
    contentType: headers['content-type'] ?? '',
    retryAfter: headers['retry-after'],
    ...(headers.date !== undefined && headers.age === undefined && { date: headers.date }),
    location: headers.location,
    body: status < 300 ? await wholeOf(asked, headers, answers) : await beginningOf(asked),
  };
}

/** The last of its tries. A failure of the connection is resolved to like an answer that may be tried again. */
async function tries(
  send: () => Promise<ServerAnswer>,
  { once }: ApiRequest,
  signal: AbortSignal | undefined,
): Promise<ServerAnswer | RequestError> {
  const { RequestError, TimeoutError } = await import('got');
  for (let attempt = 0; ; attempt += 1) {
    const tried = await send().catch((thrown: unknown) => {
      if (thrown instanceof RequestError && !(thrown instanceof TimeoutError) && !signal?.aborted) return thrown;
      throw thrown;
    });
    const ms = once ? undefined : pauseMs(tried, attempt, Date.now(), Math.random());
    if (ms === undefined) return tried;
    try {
      await pause(ms, undefined, { signal });
    } catch {
      // Nobody is slow then: the caller does not wait for another try, and the last one was answered or failed by itself.
      return tried;
    }
  }
}

/** Whoever asked went away, for another reason than the time. */
function throwIfLeft(signal: AbortSignal | undefined): void {
  const reason: unknown = signal?.reason;
  if (reason instanceof PsiError && reason.code !== 'DEADLINE') throw reason;
}

/** Without an answer. */
function failureOf(thrown: RequestError | TunnelError, endpoint: Endpoint): PsiError {
  const atProxy = thrown instanceof TunnelError ? thrown : thrown.cause;
  if (!(atProxy instanceof TunnelError)) return connectionFailure(thrown.code, endpoint);
  const { code, proxy, target, step, status } = atProxy;
  const url = `${endpoint.apiUrl}/api/status`;
  return proxyError({ code, proxy, target, step, status, url, unused: endpoint.way.unused });
}

/** Without a tunnel a proxy answers in the server's place, and never in JSON. */
function isOfProxy(apiUrl: string, { status, contentType }: ServerAnswer): boolean {
  if (!apiUrl.startsWith('http:')) return false;
  if (status === PROXY_WANTS_CREDENTIALS) return true;
  return [502, 503, 504].includes(status) && !contentType.includes('json');
}

function via(where: string, { proxy }: Way): string {
  return proxy === undefined ? where : `${where} through ${proxy.name}`;
}

function withoutSecrets(answer: ServerAnswer, secrets: readonly (string | undefined)[]): ServerAnswer {
  return answer.status < 300 ? answer : { ...answer, body: without(secrets, answer.body) };
}

function whereOf(apiUrl: string): string {
  const { protocol, hostname, port } = new URL(apiUrl);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

function without(secrets: readonly (string | undefined)[], text: string): string {
  return secrets.reduce<string>(
    // Shorter ones are no secrets but words, and would tear the text.
    (clean, secret) => (secret !== undefined && secret.length >= 8 ? clean.replaceAll(secret, '[redacted]') : clean),
    text,
  );
}
