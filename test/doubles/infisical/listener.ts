// A server that can refuse connections and come back at the same address. Knows nothing of Infisical.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';

export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  /** Clients are asked for a certificate of this authority; `must`: and sent away without one, as a strict proxy does. */
  readonly clients?: { readonly ca: string; readonly must: boolean } | undefined;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** A unix socket path; wins over host and port. */
  readonly socketPath?: string | undefined;
  readonly tls?: TlsMaterial | undefined;
}

export class Listener {
  readonly #options: ListenOptions;
  readonly #server: Server;
  #port: number;

  constructor(handler: RequestListener, options: ListenOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#server =
      options.tls === undefined ? createServer(handler) : createTlsServer(tlsOptions(options.tls), handler);
    // The real server drops a connection after 30 s of silence.
    this.#server.timeout = 30_000;
  }

  get url(): string {
    const { host, socketPath, tls } = this.#options;
    const scheme = tls === undefined ? 'http' : 'https';
    if (socketPath !== undefined) return `${scheme}://unix:${socketPath}:`;
    const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${String(this.#port)}`;
  }

  async open(): Promise<void> {
    if (this.#server.listening) return;
    const { host, socketPath } = this.#options;
    if (socketPath === undefined) this.#server.listen({ host, port: this.#port });
    else this.#server.listen(socketPath);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  /** Stops listening and destroys every open connection, answered or not. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

function tlsOptions({ key, cert, clients }: TlsMaterial): ServerOptions {
  return clients === undefined
    ? { key, cert }
    : { key, cert, ca: clients.ca, requestCert: true, rejectUnauthorized: clients.must };
}
