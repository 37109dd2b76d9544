// How long an answer is and what lies at a path is decided by others: PSI as a process keeps to its bounds whatever they send or put there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ask, startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { isList, NO_ANSWER, type Asked, type Told } from './observed/front.ts';
import { said, stage, type Looked, type Observed } from './observed/stage.ts';

const MB = 1024 ** 2;
const MOST_MEMORY = 400 * MB;

/** Far more than PSI may hold, and not so much that the machine of an older one is in danger. */
const LONG = 700;

const BLANKS = Buffer.alloc(MB, ' ');
const BEGINNING = '{"secrets":[';

/** The beginning of a listing, and blanks after it without an end. */
async function* endless(): AsyncGenerator<Buffer> {
  yield Buffer.from(BEGINNING);
  for (let sent = 0; sent < LONG; sent += 1) yield BLANKS;
  await new Promise(() => undefined);
}

async function* bomb(): AsyncGenerator<Buffer> {
  // Parts that were compressed by themselves are one whole for whoever takes it apart.
  yield gzipSync(BEGINNING);
  const part = gzipSync(Buffer.alloc(50 * MB, ' '), { level: 9 });
  for (let sent = 0; sent < LONG; sent += 50) yield part;
  await new Promise(() => undefined);
}

const LONG_ANSWERS: Readonly<Record<string, (status: number) => Told>> = {
  'without an end': (status) => ({ status, body: Readable.from(endless()) }),
  'compressed to a thousandth': (status) => ({
    status,
    body: Readable.from(bomb()),
    headers: { 'content-encoding': 'gzip' },
  }),
  'of 1.1 GB by its header': (status) => ({
    status,
    body: Readable.from(endless()),
    headers: { 'content-length': String(1126 * MB) },
  }),
};

const FOLDERS = ['A', 'B', 'C'] as const;

async function registered(t: TestContext): Promise<Observed> {
  const it = await stage(t, {
    folders: Object.fromEntries(
      [...FOLDERS, 'SMALL'].map((name) => [`/${name}`, { [name]: `value of ${name}`, [`${name}_2`]: 'x' }]),
    ),
    secrets: [...FOLDERS, 'SMALL'].map((name) => ({ project: 'main', path: `/${name}` })),
    lookups: 'by list',
  });
  await it.registered();
  await it.restart();
  return it;
}

const isBig = (asked: Asked): boolean =>
  isList(asked) && FOLDERS.some((name) => asked.query.get('secretPath') === `/${name}`);

/** The most that the process had in memory at any time. */
async function peakMemory({ psi }: Observed): Promise<number> {
  const status = await readFile(`/proc/${String(psi.pid)}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function assertSmall(it: Observed): Promise<void> {
  const peak = await peakMemory(it);
  assert.ok(peak <= MOST_MEMORY, `${String(Math.round(peak / MB))} MB`);
}

const served = (name: string): Looked => ({ ok: true, source: 'live', value: `value of ${name}` });

for (const [what, answer] of Object.entries(LONG_ANSWERS)) {
  // A01
  test(`lists of three folders at once, ${what}: each secret is read by itself, and setup names folder and size`, async (t) => {
    const it = await registered(t);
    it.front.answer = (asked) => (isBig(asked) ? answer(200) : undefined);
    const looked = await Promise.all([...FOLDERS, 'SMALL'].map((name) => it.lookup(name)));
    await assertSmall(it);
    assert.deepEqual(looked, [...FOLDERS, 'SMALL'].map(served));
    const before = await it.targets();
    const setup = await it.setup();
    assert.notEqual(setup.code, 0);
    assert.match(said(setup), /the folder main:\/A is larger than 64 MB[^]*`limits\.answers`/);
    assert.deepEqual(await it.targets(), before);
    await assertSmall(it);
  });

  test(`a refusal and a login ${what} are read no further than they have to be`, async (t) => {
    const it = await registered(t);
    it.front.answer = (asked) => (isBig(asked) ? answer(500) : undefined);
    const looked = await Promise.all(FOLDERS.map((name) => it.lookup(name)));
    for (const one of looked) assert.ok(!one.ok && one.code === 'PROVIDER_DOWN', JSON.stringify(one));
    it.front.answer = ({ path }) => (path.includes('/auth/') ? answer(200) : undefined);
    const login = await it.psi.cli('infisical', 'login');
    assert.match(said(login), /an answer of infisical at \S+ is larger than 64 MB/);
    await assertSmall(it);
  });
}

test('a folder that just fits is registered and looked up as before', async (t) => {
  const keys = Array.from({ length: 120 }, (_, index) => `K${String(index)}`);
  const value = 'v'.repeat(500_000);
  const it = await stage(t, {
    folders: { '/app': Object.fromEntries(keys.map((key) => [key, value])) },
    secrets: [{ project: 'main', path: '/app', include: ['K1', 'K2'], as: 'mount' }],
    lookups: 'by list',
  });
  await it.registered();
  assert.deepEqual(await it.lookup('K1'), { ok: true, source: 'live', value });
});

/** A loaded machine takes its time; in one piece the list takes a second on an idle one. */
const MOST_BLOCKED_MS = 900;

/** Far more than any of this takes. */
const SOON_MS = 20_000;

/** What it resolves to; undefined: not in time. */
async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = setTimeout(SOON_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const done = await Promise.race([work, late]);
  over.abort();
  return done;
}

function fifoAt(path: string): void {
  execFileSync('mkfifo', ['-m', '600', path]);
}

/** PSI is stopped, a FIFO put in the place of a file that it has, and a new one started: undefined if that does not serve. */
async function startedOn(t: TestContext, it: Observed, files: readonly string[]): Promise<PsiProcess | undefined> {
  await it.psi.stop();
  for (const path of files) {
    await rm(path, { force: true });
    fifoAt(path);
  }
  const starting = startPsi(it.options, PSI_UNDER_TEST, (child) => {
    t.after(() => child.kill('SIGKILL'));
  });
  // One that never serves ends with its test.
  starting.catch(() => undefined);
  return soon(starting);
}

// A16
test('a cache that is a FIFO is named, and refresh, lookups and stop do not wait for it', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value of A', B: 'x' } }, cache: {} });
  await it.registered();
  const cache = join(it.psi.stateDir, 'cache.enc');
  const psi = await startedOn(t, it, [cache]);
  assert.ok(psi, 'psi does not start');
  assert.deepEqual(await it.lookup('A'), served('A'));
  const status = await soon(psi.cli('cache', 'status'));
  assert.ok(status, 'psi cache status does not end');
  const refresh = await soon(psi.cli('cache', 'refresh'));
  assert.ok(refresh, 'psi cache refresh does not end');
  assert.match(said(status), /cannot read the cache \S+: it is no plain file/);
  assert.deepEqual(await it.lookup('B'), { ok: true, source: 'cache', value: 'x' });
  assert.equal(await soon(psi.stop()), 0);
});

// A16
test('header, names and token that are FIFOs keep psi from no start and from no lookup', async (t) => {
  const it = await stage(t, {
    folders: { '/app': { A: 'value of A' } },
    config: { socket_token: 'canary-socket-token' },
  });
  const { stateDir, socket } = it.psi;
  // Whatever it keeps there by now.
  const token = (await readdir(stateDir)).filter((name) => name.startsWith('.token.'));
  const psi = await startedOn(
    t,
    it,
    ['driver.hdr', 'names.json', ...token].map((name) => join(stateDir, name)),
  );
  assert.ok(psi, 'psi does not start');
  assert.match(await readFile(join(stateDir, 'driver.hdr'), 'utf8'), /^Authorization: Bearer canary-socket-token$/m);
  assert.equal((await ask(socket, 'GET', '/healthz')).status, 200);
  assert.equal((await soon(psi.cli('status')))?.code, 0);
});

test('a config that is a FIFO is refused by name', async (t) => {
  const it = await stage(t);
  const fifo = join(it.options.dir, 'fifo.yaml');
  fifoAt(fifo);
  const setup = await soon(it.psi.cli('--config', fifo, 'setup'));
  assert.ok(setup, 'psi waits for it');
  assert.equal(setup.code, 78);
  assert.match(said(setup), /is no plain file/);
});

// A16: as many as Node has threads by itself, which it needs for files and names of hosts alike.
test('client secrets of four projects that are FIFOs hold up no lookup in another one', async (t) => {
  const hanging = ['one', 'two', 'three', 'four'];
  const it = await stage(t, { folders: { '/app': { A: 'value of A' } } });
  const { dir, projects } = it.options;
  const fifoOf = (name: string): string => join(dir, `${name}.secret`);
  const projectOf = (name: string): object => ({
    ...projects['main'],
    auth: { method: 'universal-auth', client_id: name, client_secret: { file: fifoOf(name) } },
  });
  for (const name of hanging) fifoAt(fifoOf(name));
  await it.psi.stop();
  const all = { ...projects, ...Object.fromEntries(hanging.map((name) => [name, projectOf(name)])) };
  const psi = await startPsi({ ...it.options, provider: { projects: all }, workloads: {} }, PSI_UNDER_TEST);
  t.after(() => psi.kill());
  const names = [...hanging, 'main'];
  const ids = names.map((_, at) => `5e${String(at).padStart(23, '0')}`);
  for (const [at, project] of names.entries()) {
    const mapping = JSON.stringify({ provider: 'infisical', project, path: '/app', key: 'A' });
    assert.equal((await ask(psi.socket, 'POST', `/store/${String(ids[at])}`, mapping)).status, 200);
  }
  const answers = await Promise.all(ids.map((id) => ask(psi.socket, 'GET', `/lookup/${id}`)));
  assert.equal(answers.at(-1)?.body.toString('utf8'), 'value of A');
  for (const { headers } of answers.slice(0, -1)) assert.match(String(headers['psi-hint']), /is no plain file/);
});

test('twenty single reads of a folder that hangs leave connections for the others', async (t) => {
  const keys = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
  const it = await stage(t, {
    folders: { '/hung': Object.fromEntries(keys.map((key) => [key, 'x'])), '/app': { A: 'value of A' } },
    secrets: ['/hung', '/app'].map((path) => ({ project: 'main', path })),
  });
  await it.registered();
  it.front.answer = (asked) => (asked.query.get('secretPath') === '/hung' ? NO_ANSWER : undefined);
  const hung = keys.map((key) => it.lookup(key));
  const first = await Promise.race([...hung, it.lookup('A')]);
  assert.deepEqual(first, served('A'));
  for (const looked of await Promise.all(hung)) assert.ok(!looked.ok && looked.code === 'DEADLINE');
  // What was given up has left its connection.
  it.front.answer = () => undefined;
  assert.deepEqual(await it.lookup('A'), served('A'));
});

// A25
test('lookups go on while a folder of 100,000 keys is listed', async (t) => {
  const it = await stage(t, {
    folders: { '/app': { A: 'value of A' }, '/many': { B: 'x' } },
    secrets: [
      { project: 'main', path: '/app' },
      { project: 'main', path: '/many', include: ['B'] },
    ],
    cache: {},
  });
  await it.registered();
  const filler = 'm'.repeat(200);
  const secrets = Array.from({ length: 100_000 }, (_, at) => ({
    secretKey: `KEY_${String(at)}`,
    secretValue: 'x',
    secretPath: '/many',
    version: 1,
    filler,
  }));
  const body = JSON.stringify({
    secrets: [...secrets, { secretKey: 'B', secretValue: 'x', secretPath: '/many', version: 1 }],
    imports: [],
  });
  it.front.answer = (asked) =>
    isList(asked) && asked.query.get('secretPath') === '/many' ? { status: 200, body } : undefined;
  const state = { listed: false };
  const setup = it.psi.cli('cache', 'refresh').finally(() => {
    state.listed = true;
  });
  let longest = 0;
  while (!state.listed) {
    const from = performance.now();
    await it.lookup('A');
    longest = Math.max(longest, performance.now() - from);
  }
  assert.equal((await setup).code, 0);
  t.diagnostic(`the longest lookup took ${String(Math.round(longest))} ms`);
  assert.ok(longest < MOST_BLOCKED_MS, String(longest));
});
