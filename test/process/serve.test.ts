// PSI as a process, over its sockets: how many provider calls lookups cost, what a restart keeps, and that it never waits for Podman.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess } from '../hosts/psi-process.ts';

const CREDENTIALS = { clientId: 'serve-host', clientSecret: 'canary-client-secret-serve' };
const PROJECT = 'serve-project';

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

type Stage = {
  readonly infisical: InfisicalDouble;
  readonly psi: PsiProcess;
  readonly options: PsiOptions;
  readonly podman: SilentPodman;
};

async function stage(
  folders: Readonly<Record<string, Readonly<Record<string, string>>>>,
  over: Partial<PsiOptions> = {},
): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-serve-'));
  undo.push(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const infisical = await startInfisicalDouble({
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: PROJECT, environments: ['prod'] }],
      values: { [PROJECT]: { prod: folders } },
    },
  });
  undo.push(() => infisical.close());
  const podman = await silentPodman(dir);
  const options: PsiOptions = {
    dir,
    podmanSocket: podman.path,
    apiUrl: infisical.url,
    ...CREDENTIALS,
    projects: { p: { id: PROJECT, environment: 'prod' } },
    workloads: {},
    ...over,
  };
  const psi = await startPsi(options);
  undo.push(() => psi.stop());
  return { infisical, psi, options, podman };
}

/** A Podman that accepts and never answers: whoever waits for it hangs. */
type SilentPodman = { readonly path: string; readonly connected: (count: number) => Promise<void> };

async function silentPodman(dir: string): Promise<SilentPodman> {
  const path = join(dir, 'podman.sock');
  const server: Server = createServer();
  const sockets = new Set<{ destroy: () => void }>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((done) => server.listen(path, done));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  const connected = async (count: number): Promise<void> => {
    while (sockets.size < count) await once(server, 'connection');
  };
  return { path, connected };
}

let counter = 0;

async function register({ psi }: Stage, path: string, key: string): Promise<string> {
  const id = (counter += 1).toString(16).padStart(25, '0');
  const reply = await ask(
    psi.socket,
    'POST',
    `/store/${id}`,
    JSON.stringify({ provider: 'infisical', project: 'p', path, key }),
  );
  assert.equal(reply.status, 200);
  return id;
}

const lookup = async ({ psi }: Stage, id: string): Promise<string> => {
  const reply = await ask(psi.socket, 'GET', `/lookup/${id}`);
  assert.equal(reply.status, 200, String(reply.headers['psi-hint']));
  return reply.body.toString('utf8');
};

const values = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`K${String(index)}`, `value ${String(index)}`]));

test('20 lookups of one path, one after another, cost one provider call after the login', async () => {
  const it = await stage({ '/myapp': values(20) });
  const ids = new Map<string, string>();
  for (const key of Object.keys(values(20))) ids.set(key, await register(it, '/myapp', key));
  for (const [key, id] of ids) assert.equal(await lookup(it, id), values(20)[key]);
  assert.deepEqual([it.infisical.count('login'), it.infisical.count('list'), it.infisical.count('get')], [1, 1, 0]);
});

test('the only registered key of a path costs one single read', async () => {
  const it = await stage({ '/myapp': values(20) });
  await lookup(it, await register(it, '/myapp', 'K3'));
  assert.deepEqual([it.infisical.count('list'), it.infisical.count('get')], [0, 1]);
});

for (const [what, knobs] of [
  ['at 50 ms', { latencyMs: 50 }],
  ['that limits to 60 calls a minute', { limits: { secrets: 60, write: 60, read: 60 } }],
] as const) {
  test(`50 workloads with 20 secrets each, all asking within seconds, cost at most 55 calls and no failure, on a provider ${what}`, async () => {
    const folders = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`/app${String(index)}`, values(20)]));
    const it = await stage(folders);
    const ids: string[][] = [];
    for (const path of Object.keys(folders)) {
      ids.push(await Promise.all(Object.keys(values(20)).map((key) => register(it, path, key))));
    }
    it.infisical.knobs.set(knobs);
    // One secret of a container after another, the containers side by side. The sandbox tier does the same under Podman's own lock, which
    // spreads it over a minute.
    await Promise.all(
      ids.map(async (own) => {
        for (const [index, id] of own.entries()) assert.equal(await lookup(it, id), `value ${String(index)}`);
      }),
    );
    assert.ok(it.infisical.count() <= 55, `${String(it.infisical.count())} calls`);
  });
}

test('lookups, stores and deletes are answered while Podman does not answer at all', async () => {
  const it = await stage(
    { '/myapp': values(2) },
    { workloads: { myapp: { secrets: [{ project: 'p', path: '/myapp' }] } } },
  );
  const setup = it.psi.cli('setup');
  // Both questions of the setup, none by the start: now it waits for Podman.
  await it.podman.connected(2);
  const id = await register(it, '/myapp', 'K0');
  assert.equal(await lookup(it, id), 'value 0');
  assert.equal((await ask(it.psi.socket, 'DELETE', `/delete/${id}`)).status, 200);
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
  // The service goes away under the waiting command, which says so.
  await it.psi.kill();
  const { code, stderr } = await setup;
  assert.equal(code, 69);
  assert.match(stderr, /psi stopped while it was working/);
});

test('a restart finds its mappings and its access token again', async () => {
  const it = await stage({ '/myapp': values(1) });
  const id = await register(it, '/myapp', 'K0');
  await lookup(it, id);
  assert.equal(await it.psi.stop(), 0);
  const psi = await startPsi(it.options);
  undo.push(() => psi.stop());
  assert.equal(await lookup({ ...it, psi }, id), 'value 0');
  assert.equal(it.infisical.count('login'), 1);
});

test('the state folder and all in it are for root alone, and hold no value, and no client secret but in the last good config', async () => {
  const it = await stage({ '/myapp': { A: 'canary-value-1', B: 'canary-value-2' } });
  await lookup(it, await register(it, '/myapp', 'A'));
  await lookup(it, await register(it, '/myapp', 'B'));
  const { stateDir } = it.psi;
  assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  for (const name of await readdir(stateDir)) {
    assert.equal((await stat(join(stateDir, name))).mode & 0o777, 0o600, name);
    if (name !== 'config.last-good') assert.doesNotMatch(await readFile(join(stateDir, name), 'utf8'), /canary/);
  }
  // What the config file says in its own text stands here too, and nothing else.
  assert.deepEqual(await readFile(join(stateDir, 'config.last-good')), await readFile(it.psi.configFile));
  assert.doesNotMatch(it.psi.log(), /canary/);
});

test('a stop ends at once, although answers of the provider are still held', async () => {
  const it = await stage({ '/myapp': values(2) });
  const ids = [await register(it, '/myapp', 'K0'), await register(it, '/myapp', 'K1')];
  for (const id of ids) await lookup(it, id);
  assert.equal(await it.psi.stop(), 0);
});

test('an edited config is used by the next setup, and a broken one changes nothing and is explained', async () => {
  const it = await stage({ '/myapp': values(1) });
  const id = await register(it, '/myapp', 'K0');
  await it.psi.writeConfig({ ...it.options, workloads: { myapp: { secret: [] } } });
  const { code, stderr } = await it.psi.cli('setup', '--dry-run');
  assert.equal(code, 78);
  assert.match(stderr, /config\.yaml:\d+:\d+/);
  assert.equal(await lookup(it, id), 'value 0');
  assert.equal(
    (await it.psi.cli('status')).code,
    69,
    'status asks the default socket when the config cannot say which',
  );
});

test('commands say what to start when the service is not there', async () => {
  const it = await stage({});
  await it.psi.stop();
  const { code, stderr } = await it.psi.cli('setup');
  assert.equal(code, 69);
  assert.match(stderr, /error: psi is not running.*\nhint: .*systemctl start psi\.service/);
});
