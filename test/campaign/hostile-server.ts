// A provider that has been taken over: logins work, and to everything else it answers what it likes, byte for byte.

import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { AtEnd } from '../hosts/at-end.ts';

/** Writes whatever it wants; the connection is cut when PSI hangs up or at the end. */
export type Answer = (socket: Socket, asked: { readonly path: string }) => void;

export type HostileServer = {
  readonly url: string;
  /** Undefined: the server behind it is asked. */
  answer: Answer | undefined;
};

export async function startHostileServer(at: AtEnd, upstream: string): Promise<HostileServer> {
  const hostile: HostileServer = { url: '', answer: undefined };
  const server = createServer((request, response) => {
    const { url = '/', method = 'GET', socket } = request;
    socket.on('error', () => undefined);
    const isRead = method === 'GET' && url.startsWith('/api/') && !url.startsWith('/api/status');
    if (hostile.answer !== undefined && isRead) {
      hostile.answer(socket, { path: url });
      return;
    }
    void (async () => {
      const body = Buffer.concat(await request.toArray());
      const { authorization, 'content-type': type } = request.headers;
      const told = await fetch(upstream + url, {
        method,
        headers: {
          connection: 'close',
          ...(authorization !== undefined && { authorization }),
          ...(type !== undefined && { 'content-type': type }),
        },
        ...(body.length > 0 && { body }),
      });
      response.writeHead(told.status, { 'content-type': 'application/json' }).end(await told.text());
    })().catch(() => response.destroy());
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  at.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(hostile, { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` });
}
