// One request to the server and its complete answer, whatever the status. The only import of got: time limits per phase, retries, the
// pool of connections. What an answer means is not decided here.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Got, RequestError, Response } from 'got';
import { PsiError } from '../../core/error.ts';
import { connectionFailure, lateAnswer, phaseOf } from './connection-errors.ts';
import { pauseMs, RETRY } from './retry.ts';
import { certifiedAgent, secureContext, type ClientCertificate } from './tls.ts';

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
  /** Ends the request by itself; the caller's signal may end it earlier. */
  readonly timeoutMs?: number;
};

export type ServerAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  /** Of a refusal without anything secret that the request held, in case the other side repeats it. */
  readonly body: string;
};

export type Api = {
  /** Where it connects to: host and port, for messages. */
  readonly where: string;
  /** Fails with PROVIDER_DOWN or DEADLINE when there is no complete answer. */
  readonly ask: (request: ApiRequest, signal?: AbortSignal) => Promise<ServerAnswer>;
  readonly close: () => void;
};

export type ApiOptions = {
  readonly apiUrl: string;
  readonly verifySsl: boolean;
  /** PEM text, trusted beside the usual authorities. */
  readonly caCert: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly userAgent: string;
};

const CONNECT_TIMEOUT_MS = 3_000;

export function createApi(options: ApiOptions): Api {
  const { apiUrl, verifySsl, caCert, headers, userAgent } = options;
  const where = whereOf(apiUrl);
  const pool = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, scheduling: 'lifo' } as const;
  const agent = {
    http: new HttpAgent(pool),
    // As a context: made once, and not a part of the pool's key, which would be 200 kB of certificates for each request.
    https: new HttpsAgent({ ...pool, rejectUnauthorized: verifySsl, secureContext: secureContext(caCert) }),
  };
  let client: Promise<Got> | undefined;
  const connect = async (): Promise<Got> => {
    // Loaded at the first call: it takes 100 ms, and a start that answers from the cache needs none of it.
    const { default: got } = await import('got');
    return got.extend({
      agent,
      headers: { ...Object.fromEntries(headers), 'user-agent': userAgent, accept: 'application/json' },
      https: { rejectUnauthorized: verifySsl },
      followRedirect: false,
      throwHttpErrors: false,
      responseType: 'text',
      retry: RETRY,
    });
  };

  const ask = async (request: ApiRequest, signal?: AbortSignal): Promise<ServerAnswer> => {
    const { method, path, query, body, hidden = [], bearer, once, timeoutMs, clientCertificate } = request;
    const context = { apiUrl, where, certified: clientCertificate !== undefined };
    const secrets = [bearer, ...hidden, ...headers.values()];
    /** The last try, in the pause before the next one. */
    let failed: RequestError | undefined;
    try {
      const response = await (
        await (client ??= connect())
      )<string>(`${apiUrl}${path}`, {
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
        ...(clientCertificate && { agent: certifiedAgent(clientCertificate, options) }),
        retry: {
          ...(once && { limit: 0 }),
          calculateDelay: ({ error, computedValue }) => {
            const pause = once ? 0 : pauseMs(error, computedValue);
            failed = pause > 0 ? error : undefined;
            return pause;
          },
        },
        hooks: {
          beforeRetry: [
            () => {
              failed = undefined;
            },
          ],
        },
      });
      return answerOf(response, secrets);
    } catch (thrown) {
      const { RequestError, TimeoutError } = await import('got');
      // Never as a cause: got's errors carry the request's headers, and Node's parser errors the bytes received.
      if (!(thrown instanceof RequestError)) throw thrown;
      const reason: unknown = signal?.reason;
      if (reason instanceof PsiError && reason.code !== 'DEADLINE') throw reason;
      if (failed) {
        // Nobody was slow: the caller does not wait for another try, and the last one was answered or failed by itself.
        if (failed.response) return answerOf(failed.response, secrets);
        throw connectionFailure(failed.code, context);
      }
      if (signal?.aborted) throw lateAnswer(where, phaseOf(thrown.timings));
      if (thrown instanceof TimeoutError) throw lateAnswer(where, phaseOf(thrown.timings));
      throw connectionFailure(thrown.code, context);
    }
  };
  return {
    where,
    ask,
    close: () => {
      // Only idle ones: `agent.destroy()` would also cut the calls of lookups that are still under way.
      for (const { freeSockets } of [agent.http, agent.https]) {
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
      }
    },
  };
}

function answerOf(
  { statusCode: status, headers, body }: Response,
  secrets: readonly (string | undefined)[],
): ServerAnswer {
  const text = typeof body === 'string' ? body : '';
  return {
    status,
    contentType: headers['content-type'] ?? '',
    retryAfter: headers['retry-after'],
    location: headers.location,
    body: status < 300 ? text : without(secrets, text),
  };
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
