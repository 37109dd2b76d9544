// The fake Podman behind its REST API on a Unix socket, with the statuses and bodies that the real one was seen to give: so the
// adapter meets versions that this machine does not have.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FakePodman, FakeSecret, Options } from './podman.fake.ts';
import { PodmanKilled, PodmanRefusal } from './podman.fake.ts';

export type ServedPodman = {
  /** Method and path of each request, without query. */
  readonly requests: readonly string[];
  readonly close: () => Promise<void>;
};

export async function servePodman(podman: FakePodman, socketPath: string): Promise<ServedPodman> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${String(request.method)} ${String(request.url).replace(/\?.*/, '')}`);
    void handle(podman, request, response);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function handle(podman: FakePodman, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  response.setHeader('Libpod-API-Version', podman.version);
  try {
    const [status, answer] = await route(podman, request, body);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(answer === undefined ? undefined : `${JSON.stringify(answer)}\n`);
  } catch (thrown) {
    if (thrown instanceof PodmanKilled) {
      request.socket.destroy();
      return;
    }
    const refusal = thrown instanceof PodmanRefusal ? thrown : new PodmanRefusal(500, String(thrown));
    response.writeHead(refusal.status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ cause: refusal.reason, message: refusal.message, response: refusal.status }));
  }
}

async function route(podman: FakePodman, request: IncomingMessage, body: Buffer): Promise<[number, unknown?]> {
  const url = new URL(request.url ?? '/', 'http://podman');
  if (url.pathname === '/libpod/_ping') return [200, 'OK'];
  const [, container] = /^\/v[1-6][\d.]*\/libpod\/containers\/(.+)$/.exec(url.pathname) ?? [];
  if (container !== undefined) return containerAnswer(podman, url, container);
  const [, rest] = /^\/v[1-6][\d.]*\/libpod\/secrets\/(.+)$/.exec(url.pathname) ?? [];
  if (rest === undefined) return [404];
  if (request.method === 'GET' && rest === 'json') {
    const labels = podman.atLeast(5, 0);
    return [200, (await podman.list()).map((secret) => wire(labels ? secret : { ...secret, labels: null }))];
  }
  if (request.method === 'POST' && rest === 'create') return [200, { ID: await create(podman, url, request, body) }];
  const [, name, view] = /^([^/]+)(\/json)?$/.exec(rest) ?? [];
  if (name === undefined) return [404];
  const decoded = decodeURIComponent(name);
  if (request.method === 'GET' && view) {
    if (url.searchParams.get('showsecret') !== 'true') return [200, wire(await podman.inspect(decoded))];
    const { secret, data } = await podman.show(decoded);
    // Go makes U+FFFD of what is no UTF-8, and leaves empty data out.
    return [
      200,
      { ...wire(secret), ...(data && data.length > 0 && { SecretData: Buffer.from(data).toString('utf8') }) },
    ];
  }
  if (request.method === 'DELETE' && !view) {
    await podman.remove(decoded);
    return [204];
  }
  return [404];
}

function containerAnswer(podman: FakePodman, url: URL, rest: string): [number, unknown?] {
  if (rest === 'json') {
    if (url.searchParams.get('all') !== 'true') return [200, []];
    return [200, podman.containers.map(({ id, name }) => ({ Id: id, Names: [name] }))];
  }
  const found = podman.containers.find(({ id }) => rest === `${id}/json`);
  if (!found) throw new PodmanRefusal(404, 'no such container', `no container with ID ${rest} found in database`);
  const Secrets = found.secrets.length === 0 ? null : found.secrets.map(({ name, id }) => ({ Name: name, ID: id }));
  return [200, { Id: found.id, Name: found.name, Config: { Secrets, CreateCommand: found.command } }];
}

function create(podman: FakePodman, url: URL, request: IncomingMessage, body: Buffer): Promise<string> {
  const query = url.searchParams;
  return podman.create({
    name: query.get('name') ?? '',
    driver: query.get('driver') ?? 'file',
    options: map(query.get('driveropts')),
    labels: map(query.get('labels')),
    // The form parser eats such a body before Podman sees it.
    body: request.headers['content-type'] === 'application/octet-stream' ? body : Buffer.alloc(0),
    replace: query.get('replace') === 'true',
  });
}

/** A parameter that is no JSON map is ignored. */
function map(text: string | null): Options {
  try {
    return JSON.parse(text ?? '{}') as Options;
  } catch {
    return {};
  }
}

function wire(secret: Omit<FakeSecret, 'labels'> & { readonly labels: Options | null }): object {
  const { id, name, driver, options, labels, updated } = secret;
  const at = new Date(Date.UTC(2026, 0, 1) + updated * 1000).toISOString();
  return {
    ID: id,
    CreatedAt: at,
    UpdatedAt: at,
    Spec: { Name: name, Driver: { Name: driver, Options: options }, Labels: labels },
  };
}
