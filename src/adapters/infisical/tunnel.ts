// TLS to a server through a proxy: CONNECT (RFC 9110, 9.3.6) by Node's own client, and the handshake over what it opens. Not by the
// `proxyEnv` of Node's agents: those read the answer to CONNECT without a bound, wait for a handshake behind it without one, trust no
// authority of one's own at the proxy, and tell a proxy's failure and the server's apart by their text alone.

import { request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions, type RequestOptions } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { authority, proxyAuthorization, type Proxy } from './proxy.ts';

/** How far it came: the connection to the proxy, its answer to CONNECT, the handshake behind it. */
export type TunnelStep = 'proxy' | 'answer' | 'handshake';

/** Of Node and OpenSSL, or one of these, as far as got's rules for another try go by it. */
const UNAVAILABLE = 'PROXY_UNAVAILABLE';
const REFUSED = 'PROXY_REFUSED';

export class TunnelError extends Error {
  readonly code: string;
  readonly proxy: Proxy;
  /** Host and port behind the proxy. */
  readonly target: string;
  readonly step: TunnelStep;
  /** What the proxy answered to CONNECT. */
  readonly status: number | undefined;

  constructor(at: Omit<TunnelError, keyof Error> & { readonly code: string }) {
    super(`${at.step}: ${at.code}`);
    this.name = 'TunnelError';
    ({ code: this.code, proxy: this.proxy, target: this.target, step: this.step, status: this.status } = at);
  }
}

/** For each of the steps. */
export const TUNNEL_STEP_MS = 3_000;

type Callback = (error: Error | null, stream: Duplex) => void;

export type TunnelOptions = AgentOptions & {
  /** undefined: this host is reached without one. */
  readonly proxyFor: (host: string, port: number) => Proxy | undefined;
  /** Whom a proxy is trusted by that speaks TLS itself; undefined: by the usual authorities. */
  readonly proxyContext?: SecureContext | undefined;
};

export class TunnelAgent extends HttpsAgent {
  readonly #proxyFor: TunnelOptions['proxyFor'];
  readonly #proxyContext: SecureContext | undefined;

  constructor({ proxyFor, proxyContext, ...options }: TunnelOptions) {
    super(options);
    this.#proxyFor = proxyFor;
    this.#proxyContext = proxyContext;
  }

  override createConnection(options: RequestOptions, callback?: Callback): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    const proxy = this.#proxyFor(host, port);
    if (proxy === undefined) return super.createConnection(options, callback);
    const target = authority({ host, port });
    this.#through(proxy, target, options).then(
      (stream) => callback?.(null, stream),
      // A socket that never was: the agent looks at the error alone.
      (error: unknown) => callback?.(error instanceof Error ? error : new Error('failed'), new Socket()),
    );
    return undefined;
  }

  async #through(proxy: Proxy, target: string, options: RequestOptions): Promise<Duplex> {
    const socket = await openTunnel(proxy, target, this.#proxyContext);
    const withSocket: RequestOptions & { readonly socket: Duplex } = { ...options, socket };
    const secure = super.createConnection(withSocket);
    if (!secure) throw new Error('no socket');
    return await handshake(secure, { proxy, target });
  }
}

type To = { readonly proxy: Proxy; readonly target: string };

function openTunnel(proxy: Proxy, target: string, proxyContext: SecureContext | undefined): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const secure = proxy.protocol === 'https:';
    const authorization = proxyAuthorization(proxy);
    const request = (secure ? httpsRequest : httpRequest)({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        // Node's own word without an agent is `close`, which an old proxy may take for the tunnel.
        connection: 'keep-alive',
        ...(authorization !== undefined && { 'proxy-authorization': authorization }),
      },
      agent: false,
      ...(secure && { secureContext: proxyContext }),
    });
    let step: TunnelStep = 'proxy';
    const fail = (code: string, status?: number): void => {
      clearTimeout(timer);
      request.destroy();
      reject(new TunnelError({ code, proxy, target, step, status }));
    };
    const limit = (): NodeJS.Timeout =>
      setTimeout(() => {
        fail('ETIMEDOUT');
      }, TUNNEL_STEP_MS);
    let timer = limit();
    request.once('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        step = 'answer';
        timer = limit();
      });
    });
    request.once('connect', ({ statusCode = 0 }, socket, head) => {
      clearTimeout(timer);
      // Only the server behind speaks from here on, and with TLS it waits for PSI.
      if (statusCode >= 200 && statusCode < 300 && head.length === 0) {
        resolve(socket);
        return;
      }
      socket.destroy();
      if (statusCode < 300) fail('HPE_UNEXPECTED_CONTENT');
      else fail([502, 503, 504].includes(statusCode) ? UNAVAILABLE : REFUSED, statusCode);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(error.code ?? 'ECONNRESET');
    });
    request.end();
  });
}

function handshake(socket: Duplex, { proxy, target }: To): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new TunnelError({ code: 'ETIMEDOUT', proxy, target, step: 'handshake', status: undefined }));
    }, TUNNEL_STEP_MS);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}
