// What one bad name, file or moment must not do to the rest: PSI as a process between doubles, by commands, sockets and files alone.

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { ask } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { said, stage, type Observed } from './observed/stage.ts';

/** Far more than any of this takes, far less than the 22 s that a pattern took. */
const SOON_MS = 10_000;

test('a long name at the provider does not keep the patterns of `include` busy', async (t) => {
  const it = await stage(t, {
    folders: { '/app': { ['_'.repeat(1000)]: 'x', A_B_C_D_KEY: 'value' } },
    secrets: [{ project: 'main', path: '/app', include: ['*_*_*_*_KEY'] }],
  });
  const setup = it.setup();
  const over = new AbortController();
  const late = setTimeout(SOON_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const done = await Promise.race([setup, late]);
  over.abort();
  assert.ok(done, 'the setup is not through with two names');
  assert.equal(done.code, 0, said(done));
  assert.deepEqual(await it.targets(), ['A_B_C_D_KEY']);
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
});

/** Root reads everything; without these rights it is the owner like any other. */
const HELD_TO_MODES: readonly string[] =
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', ...PSI_UNDER_TEST]
    : PSI_UNDER_TEST;

async function idOf(it: Observed, key: string): Promise<string> {
  return (await it.podman.list()).find(({ name }) => name === `app--${key}`)?.id ?? assert.fail(`no app--${key}`);
}

/** PSI is stopped, its state spoilt, and a new one started if it can be: null if not. */
async function restarted(it: Observed, spoil: () => Promise<unknown>): Promise<boolean> {
  await it.psi.stop();
  await spoil();
  return it.restart(HELD_TO_MODES).then(
    () => true,
    () => false,
  );
}

test('a mapping that cannot be read keeps PSI from nothing but its own lookups, and setup mends it', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  await it.registered();
  const id = await idOf(it, 'A');
  const path = join(it.psi.stateDir, id);
  assert.ok(await restarted(it, () => chmod(path, 0)), 'psi does not start');
  assert.deepEqual(await it.lookup('B'), { ok: true, source: 'live', value: 'value b' });
  const failed = await it.lookup('A');
  assert.ok(!failed.ok && failed.code === 'HOST', JSON.stringify(failed));
  for (const part of ['app--A', path, 'EACCES', '`podman exec psi psi setup`'])
    assert.ok(failed.hint.includes(part), part);
  const status = await it.psi.cli('status');
  assert.ok(status.code === 1 && status.stdout.includes(`app--A: cannot read the mapping ${path}`), said(status));
  const health = await ask(it.psi.socket, 'GET', '/healthz');
  assert.match(health.body.toString('utf8'), /"problems":"cannot read the mapping/);
  await it.hasLogged(path);
  // The command of the hint, twice.
  for (const again of [1, 2]) assert.equal((await it.setup()).code, 0, String(again));
  assert.equal((await it.lookup('A')).ok, true);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
});

test('a state folder that cannot be read keeps PSI from no start, and is the reason of its lookups', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  await it.registered();
  const { stateDir } = it.psi;
  assert.ok(await restarted(it, () => chmod(stateDir, 0)), 'psi does not start');
  const failed = await it.lookup('A');
  assert.ok(!failed.ok && failed.hint.includes(`cannot read the state folder ${stateDir}`), JSON.stringify(failed));
  assert.match((await it.psi.cli('status')).stdout, /cannot read the state folder/);
  // Who knows no mapping changes nothing.
  const refused = await it.setup();
  assert.ok(refused.code === 74 && said(refused).includes('cannot read the state folder'), said(refused));
  assert.deepEqual(await it.targets(), ['A']);
  await chmod(stateDir, 0o700);
  assert.equal((await it.setup()).code, 0);
  assert.equal((await it.lookup('A')).ok, true);
});

test('a header file that cannot be written keeps PSI from no start, and is named until setup has written it', async (t) => {
  const it = await stage(t, {
    folders: { '/app': { A: 'value a' } },
    secrets: [{ project: 'main', path: '/app', include: ['NONE'] }],
    config: { socket_token: 'canary-socket-token' },
  });
  const path = join(it.psi.stateDir, 'driver.hdr');
  const spoil = async (): Promise<void> => {
    await rm(path);
    await mkdir(path);
    await writeFile(join(path, 'something'), '');
  };
  assert.ok(await restarted(it, spoil), 'psi does not start');
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
  const status = await it.psi.cli('status');
  assert.ok(status.stdout.includes(`cannot write the header file ${path}`), said(status));
  await it.hasLogged(path);
  assert.doesNotMatch(it.psi.log() + said(status), /canary-socket-token/);
  await rm(path, { recursive: true });
  await it.setup();
  assert.match(await readFile(path, 'utf8'), /^Authorization: Bearer /);
  // That the one source yields nothing is still said.
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem .*header file/);
});

test('of stores of one id at once, a restart knows the same one as before', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  const ids = Array.from({ length: 60 }, (_, index) => `5e${String(index).padStart(23, '0')}`);
  const store = (id: string, key: string): Promise<unknown> =>
    ask(
      it.psi.socket,
      'POST',
      `/store/${id}`,
      JSON.stringify({ provider: 'infisical', project: 'main', path: '/app', key }),
    );
  await Promise.all(ids.flatMap((id) => ['A', 'B', 'A', 'B'].map((key) => store(id, key))));
  const known = async (): Promise<readonly string[]> => {
    const answers = ids.map((id) => ask(it.psi.socket, 'GET', `/lookup/${id}`));
    return (await Promise.all(answers)).map(({ body }) => body.toString('utf8'));
  };
  const before = await known();
  assert.ok(before.every((value) => value.startsWith('value ')));
  await it.restart();
  assert.deepEqual(await known(), before);
});

test('a state folder that is removed under a running psi is written again, by a store as by setup', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  await it.registered();
  const { stateDir, socket } = it.psi;
  const id = await idOf(it, 'A');
  const mapping = await readFile(join(stateDir, id));
  await rm(stateDir, { recursive: true });
  assert.equal((await ask(socket, 'POST', `/store/${id}`, mapping)).status, 200);
  assert.deepEqual(await readFile(join(stateDir, id)).catch(() => 'not written'), mapping);
  await rm(stateDir, { recursive: true });
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.match(said(setup), /state folder lacked the mapping files of 2 secrets/);
  await it.restart();
  for (const key of ['A', 'B']) assert.equal((await it.lookup(key)).ok, true);
});

test('temporary files of writes that were killed are gone after the next start', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  await it.registered();
  const left = [`.${await idOf(it, 'A')}`, '.driver.hdr', '.names.json', '..token.0123456789ab.json'].map(
    (name) => `${name}.0123456789ab.tmp`,
  );
  for (const name of left) await writeFile(join(it.psi.stateDir, name), 'half');
  await it.restart();
  const deadline = Date.now() + SOON_MS;
  const there = async (): Promise<readonly string[]> =>
    (await readdir(it.psi.stateDir)).filter((name) => name.endsWith('.tmp'));
  while ((await there()).length > 0 && Date.now() < deadline);
  assert.deepEqual(await there(), []);
  assert.equal((await it.lookup('A')).ok, true);
});

test('a refused store and a refused delete have a line in the log, a count and a place in the status', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  await it.registered();
  const id = await idOf(it, 'A');
  const agent = { 'user-agent': 'curl/8.14.1' };
  assert.equal((await ask(it.psi.socket, 'POST', `/store/${id}`, 'canary-body', agent)).status, 422);
  assert.equal((await ask(it.psi.socket, 'DELETE', '/delete/a.b', undefined, agent)).status, 400);
  const status = await it.psi.cli('status');
  await it.psi.stop();
  for (const part of [
    /"request":"store","id":"[^"]+","name":"app--A".*"agent":"curl\/8\.14\.1".*"code":"NOT_A_MAPPING"/,
    /"request":"delete".*"BAD_REQUEST"/,
  ]) {
    await it.hasLogged(part);
  }
  assert.match(status.stdout, /refused: 2\n(?:refused .*\n?){2}/);
  assert.doesNotMatch(it.psi.log() + said(status), /canary-body/);
});
