// An HTTP proxy on loopback: CONNECT (RFC 9110, 9.3.6) and requests for a whole address (RFC 9112, 3.2.2). It has names of its own, so
// that it can be the only way to a server.
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsMaterial } from './infisical/listener.ts';

export type ProxyMode =
  | 'serve'
  /** 403 to everything, as Squid answers what its `http_access` does not allow. */
  | 'refuse'
  /** Takes the connection and the request and says nothing. */
  | 'hang'
  /** Opens the tunnel and lets nothing through it. */
  | 'swallow'
  /** Another protocol: an SSH server's first line (RFC 4253, 4.2). */
  | 'garbage'
  /** An answer whose head never ends. */
  | 'endless'
  /** Ends each connection at its request. */
  | 'drop';

export type HttpProxyOptions = {
  /** Host and port as clients name them, to where it is; what is not in it cannot be resolved. */
  readonly routes: Readonly<Record<string, string>>;
  /** `user:password`; without them 407 (RFC 9110, 15.5.8), with the challenge that Squid sends. */
  readonly credentials?: string;
  /** Speaks TLS to its clients. */
  readonly tls?: TlsMaterial;
};

export type HttpProxy = {
  readonly port: number;
  /** Method and target of each request. */
  readonly asked: readonly string[];
  mode: ProxyMode;
  credentials: string | undefined;
  /** Where clients find it: with these credentials. */
  readonly url: (credentials?: string) => string;
  /** Tunnels and connections now open. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
};

const CHALLENGE = 'Basic realm="Squid proxy-caching web server"';

export async function startHttpProxy({ routes, credentials, tls }: HttpProxyOptions): Promise<HttpProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer() : createTlsServer({ key: tls.key, cert: tls.cert });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    if (proxy.mode === 'garbage') socket.end('SSH-2.0-OpenSSH_9.2p1\r\n');
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    asked.push(`CONNECT ${request.url ?? ''}`);
    const status = refusal(request);
    if (status === undefined) openTunnel(routes[request.url ?? ''], socket, head);
    else if (status !== 'none') answerConnect(socket, status);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const status = refusal(request);
    if (status === undefined) forward(request, response);
    else if (status !== 'none') response.writeHead(status, challenge(status)).end('<html>');
  });

  const refusal = (request: IncomingMessage): number | 'none' | undefined => {
    if (proxy.mode === 'hang') return 'none';
    if (proxy.mode === 'drop') {
      request.socket.destroy();
      return 'none';
    }
    if (proxy.mode === 'endless') {
      pour(request.socket);
      return 'none';
    }
    if (proxy.mode === 'refuse') return 403;
    const wanted = proxy.credentials;
    const given = request.headers['proxy-authorization'];
    return wanted !== undefined && given !== `Basic ${Buffer.from(wanted).toString('base64')}` ? 407 : undefined;
  };

  const openTunnel = (route: string | undefined, socket: Duplex, head: Buffer): void => {
    // A name that the proxy cannot resolve: Squid answers 503, a target that refuses the connection: 503, others 502.
    if (route === undefined) {
      answerConnect(socket, 503);
      return;
    }
    if (proxy.mode === 'swallow') {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      return;
    }
    const onward = connect(addressOf(route));
    onward.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => {
      answerConnect(socket, 503);
    });
    socket.on('close', () => onward.destroy());
  };

  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://none');
    const route = routes[`${url.hostname}:${url.port || '80'}`];
    if (route === undefined) {
      response.writeHead(503).end('<html>');
      return;
    }
    // What is about this connection ends here (RFC 9110, 7.6.1), and the credentials too (11.7.2).
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !name.startsWith('proxy-') && name !== 'connection'),
    );
    const onward = httpRequest(
      { ...addressOf(route), method: request.method, path: `${url.pathname}${url.search}`, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.writeHead(503).end('<html>'));
    request.pipe(onward);
  };

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const proxy: HttpProxy = {
    port,
    asked,
    mode: 'serve',
    credentials,
    url: (given) => `${tls ? 'https' : 'http'}://${given === undefined ? '' : `${given}@`}127.0.0.1:${String(port)}`,
    open: () => sockets.size,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return proxy;
}

function addressOf(route: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(`http://${route}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function challenge(status: number): Readonly<Record<string, string>> {
  return { 'content-type': 'text/html', ...(status === 407 && { 'proxy-authenticate': CHALLENGE }) };
}

function answerConnect(socket: Duplex, status: number): void {
  const headers = Object.entries(challenge(status)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${String(status)} Refused\r\n${headers.join('')}\r\n<html>`);
}

function pour(socket: Socket): void {
  const line = `x-more: ${'x'.repeat(4000)}\r\n`;
  const more = (): void => {
    while (!socket.destroyed && socket.write(line));
  };
  socket.write('HTTP/1.1 200 Connection established\r\n');
  socket.on('drain', more);
  more();
}
