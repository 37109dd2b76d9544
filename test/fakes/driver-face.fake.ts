// What Podman's driver commands reach in place of PSI: keeps bodies by id, and refuses on request. Served over HTTP it is what a
// real curl talks to; called directly it drives the fake Podman.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { DriverFace } from './podman.fake.ts';

export class FakeDriverFace implements DriverFace {
  readonly bodies = new Map<string, string>();
  /** Every call in order, such as `store 17cd…`; an empty id shows as `delete `. */
  readonly calls: string[] = [];
  readonly refuse = new Set<'store' | 'delete'>();

  store(id: string, body: Uint8Array): Promise<void> {
    this.calls.push(`store ${id}`);
    if (id === '' || this.refuse.has('store')) return Promise.reject(new Error('store refused'));
    this.bodies.set(id, new TextDecoder().decode(body));
    return Promise.resolve();
  }

  /** Like PSI: an empty id fails, an unknown one does not. */
  delete(id: string): Promise<void> {
    this.calls.push(`delete ${id}`);
    if (id === '' || this.refuse.has('delete')) return Promise.reject(new Error('delete refused'));
    this.bodies.delete(id);
    return Promise.resolve();
  }
}

export type ServedFace = { readonly close: () => Promise<void> };

/** The same face on a Unix socket, for the curl in real driver options. */
export async function serveDriverFace(face: FakeDriverFace, socketPath: string): Promise<ServedFace> {
  const server = createServer((request, response) => {
    void answer(face, request, response);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(face: FakeDriverFace, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, verb, id = ''] = /^\/(store|delete|lookup)\/(.*)$/.exec(request.url ?? '') ?? [];
  try {
    const body = Buffer.concat(await request.toArray());
    if (verb === 'store') await face.store(id, body);
    else if (verb === 'delete') await face.delete(id);
    else if (verb !== 'lookup' || !face.bodies.has(id)) throw new Error('not found');
    response.end(verb === 'lookup' ? face.bodies.get(id) : undefined);
  } catch {
    response.writeHead(502, { 'psi-hint': 'refused by the test' }).end();
  }
}
