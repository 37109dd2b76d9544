// PSI ends when it is told to, whatever of its surroundings hangs: from outside, by signals, sockets and files alone.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { ask, configText, type PsiOptions } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';

const CREDENTIALS = { clientId: 'stop-host', clientSecret: 'canary-client-secret-stop' };
const PROJECT = 'stop-project';
const ID = 'a'.repeat(25);

/** From the signal to the end. */
const ENDED_MS = 5_000;

type Stage = {
  readonly infisical: InfisicalDouble;
  readonly socket: string;
  readonly dir: string;
  /** Nobody reads what it prints. */
  readonly start: () => ChildProcess;
};

async function stage(t: TestContext, provider: PsiOptions['provider'] = {}): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-stop-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const infisical = await startInfisicalDouble({
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: PROJECT, environments: ['prod'] }],
      values: { [PROJECT]: { prod: { '/app': { A: 'value' } } } },
    },
  });
  t.after(() => infisical.close());
  await mkdir(join(dir, 'systemd'));
  const config = join(dir, 'config.yaml');
  const projects = { p: { id: PROJECT, environment: 'prod' } };
  const podmanSocket = join(dir, 'podman.sock');
  await writeFile(
    config,
    configText({ dir, podmanSocket, apiUrl: infisical.url, ...CREDENTIALS, projects, workloads: {}, provider }),
    { mode: 0o600 },
  );
  const [program = '', ...args] = PSI_UNDER_TEST;
  const start = (): ChildProcess => {
    const env = { PATH: process.env['PATH'], PSI_CONFIG: config };
    const child = spawn(program, [...args, 'serve'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  return { infisical, socket: join(dir, 'psi.sock'), dir, start };
}

async function serving(socket: string): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const status = await ask(socket, 'GET', '/healthz').then(
      (reply) => reply.status,
      () => 0,
    );
    if (status === 200) return;
    if (performance.now() > end) throw new Error('psi does not serve');
    await pause(20);
  }
}

/** The milliseconds from SIGTERM to the end; undefined: it goes on. */
async function terminated(child: ChildProcess): Promise<number | undefined> {
  const ended = once(child, 'exit');
  const began = performance.now();
  child.kill('SIGTERM');
  const over = new AbortController();
  const late = pause(ENDED_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const first = await Promise.race([ended, late]);
  over.abort();
  return first === undefined ? undefined : performance.now() - began;
}

test('a stop in the first moments of a start ends it, and the next start serves', async (t) => {
  const { start, socket } = await stage(t);
  for (const gapMs of [50, 200, 400, 800, 1600]) {
    const child = start();
    await pause(gapMs);
    assert.ok((await terminated(child)) !== undefined, `${String(gapMs)} ms after its start`);
  }
  const child = start();
  await serving(socket);
  assert.ok((await terminated(child)) !== undefined);
  assert.equal(child.exitCode, 0);
});

test('a log that nobody reads does not keep it', async (t) => {
  const { start, socket } = await stage(t);
  const child = start();
  await serving(socket);
  // Each has a line of its own, and a pipe holds 64 KiB.
  for (let count = 0; count < 1_000; count += 1) await ask(socket, 'GET', `/lookup/${ID}`);
  assert.ok((await terminated(child)) !== undefined, 'it goes on');
});

test('a file that is never read to its end does not keep it', async (t) => {
  const pipe = join(tmpdir(), `psi-stop-${String(process.pid)}.fifo`);
  t.after(() => rm(pipe, { force: true }));
  assert.equal((await run(['mkfifo', pipe])).code, 0);
  const auth = { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: { file: pipe } };
  const { start, socket } = await stage(t, { auth });
  const child = start();
  await serving(socket);
  const mapping = JSON.stringify({ provider: 'infisical', project: 'p', path: '/app', key: 'A' });
  assert.equal((await ask(socket, 'POST', `/store/${ID}`, mapping)).status, 200);
  // It logs in, and for that it reads the file.
  const lookup = ask(socket, 'GET', `/lookup/${ID}`).catch(() => undefined);
  await pause(200);
  assert.ok((await terminated(child)) !== undefined, 'it goes on');
  await lookup;
});

test('a lookup that a stop cuts short hears so, with what to do', async (t) => {
  const { infisical, start, socket } = await stage(t);
  const child = start();
  await serving(socket);
  const mapping = JSON.stringify({ provider: 'infisical', project: 'p', path: '/app', key: 'A' });
  assert.equal((await ask(socket, 'POST', `/store/${ID}`, mapping)).status, 200);
  infisical.knobs.set({ outage: 'hang' });
  const lookup = ask(socket, 'GET', `/lookup/${ID}`);
  // It has asked, or it would be refused and not cut short.
  while (infisical.count() === 0) await pause(10);
  assert.ok((await terminated(child)) !== undefined, 'it goes on');
  const reply = await lookup;
  assert.equal(reply.status, 503);
  const words = /psi was stopped before it had an answer; hint: .*systemctl status psi\.service/;
  assert.match(String(reply.headers['psi-hint']), words);
  // What the driver command prints into the journal of the unit.
  assert.match(String(reply.headers['content-type']), new RegExp(`^psi: ${words.source}`));
  assert.equal(child.exitCode, 0);
});
