// What a config that is broken, gone or half there must not do to a host: PSI as a process between doubles, by commands, sockets and files
// alone, so that the same file can be held against another PSI (PSI_TREE).

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, configText, type PsiOptions, type Reply } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import type { RunResult } from '../hosts/run.ts';
import { CLIENT, said, stage, type Observed } from './observed/stage.ts';

const FOLDERS = { '/app': { A: 'value a', B: 'value b' } };
/** An answer at once: nobody was asked. */
const SOON_MS = 1_000;

/** Another PSI on the same files; false: it does not start. */
function restarted(it: Observed, change: Partial<PsiOptions> = {}): Promise<boolean> {
  return it.restart(PSI_UNDER_TEST, { ...it.options, ...change }).then(
    () => true,
    () => false,
  );
}

/** The config of the stage with a mistake in a key of the top level, as a slip of an editor leaves it. */
const typo = (it: Observed): string => configText(it.options).replace(/^workloads:/m, 'worklods:');

async function idOf(it: Observed, key: string): Promise<string> {
  return (await it.podman.list()).find(({ name }) => name === `app--${key}`)?.id ?? assert.fail(`no app--${key}`);
}

const dropIn = (it: Observed): Promise<string> =>
  readFile(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8');

async function problems(it: Observed): Promise<{ readonly health: string; readonly metric: number }> {
  const health = await ask(it.psi.socket, 'GET', '/healthz');
  const metrics = await ask(join(it.options.dir, 'control.sock'), 'GET', '/metrics');
  const metric = /^psi_problems (\d+)$/m.exec(metrics.body.toString('utf8'))?.[1];
  return { health: health.body.toString('utf8'), metric: Number(metric) };
}

function refusesTheConfig(result: RunResult): void {
  assert.equal(result.code, 78, said(result));
  assert.match(said(result), /config\.yaml:\d+:1 {2}worklods\n.*expected.*\n.*got .*\n.*hint .*workloads/);
  assert.match(said(result), /psi check/);
}

test('a typo in a top-level key and a restart: lookups go on, setup changes nothing, and status says why', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: {} });
  await it.registered();
  const before = await dropIn(it);
  it.set('/app', 'C', 'value c');
  assert.ok(await restarted(it, { file: typo(it) }), 'psi does not start');
  assert.deepEqual(await it.lookup('A'), { ok: true, source: 'cache', value: 'value a' });
  const status = await it.psi.cli('status');
  assert.equal(status.code, 1, said(status));
  assert.match(status.stdout, /problem .*not used: .*config\.yaml:\d+:1 worklods: .*last good config/);
  assert.match(status.stdout, /changed \d{4}-.*seen \d{4}-.*\n.*psi check.*workloads/);
  const { health, metric } = await problems(it);
  assert.ok(health.includes('worklods') && metric === 1, `${health} ${String(metric)}`);
  await it.hasLogged(/"level":"error".*worklods/);
  refusesTheConfig(await it.setup());
  refusesTheConfig(await it.setup());
  assert.equal(await dropIn(it), before);
  it.set('/app', 'A', 'value a, rotated');
  const refreshed = await it.psi.cli('cache', 'refresh');
  assert.equal(refreshed.code, 0, said(refreshed));
  assert.deepEqual(await it.lookup('A'), { ok: true, source: 'cache', value: 'value a, rotated' });
  // The command of the hint, twice.
  for (const again of [1, 2]) {
    const check = await it.psi.cli('check');
    assert.equal(check.code, 78, `${String(again)} ${said(check)}`);
    assert.match(said(check), /worklods[^]*last good config, kept since .*config\.last-good/);
  }
  // Mended, it is taken without a restart.
  await it.psi.writeConfig(it.options);
  assert.equal((await it.setup()).code, 0);
  assert.deepEqual(await it.targets(), ['A', 'B', 'C']);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
});

for (const [what, file] of [
  ['is not there', null],
  ['is no YAML', 'providers: [\n'],
  ['is empty', ''],
] as const) {
  test(`a config that ${what}, and a restart: lookups go on`, async (t) => {
    const it = await stage(t, { folders: FOLDERS });
    await it.registered();
    assert.ok(await restarted(it, { file }), 'psi does not start');
    assert.equal((await it.lookup('A')).ok, true);
    const status = await it.psi.cli('status');
    assert.match(said(status), /problem .*config\.yaml.*last good config/);
    // By itself, where no setup is run: a look is what status is for.
    await it.psi.writeConfig(it.options);
    assert.doesNotMatch(said(await it.psi.cli('status')), /problem/);
  });
}

test('without a config and without a last good one a lookup is answered at once with what is wrong', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await rm(join(it.psi.stateDir, 'config.last-good'), { force: true });
  assert.ok(await restarted(it, { file: null }), 'psi does not start');
  const from = Date.now();
  const looked = await it.lookup('A');
  assert.ok(Date.now() - from < SOON_MS, 'it took its time');
  assert.ok(!looked.ok && looked.code === 'CONFIG_INVALID', JSON.stringify(looked));
  assert.ok(looked.hint.includes(`${it.psi.configFile} does not exist`), looked.hint);
  assert.match(looked.hint, /hint: .*podman exec psi psi check/);
  const status = await it.psi.cli('status');
  assert.equal(status.code, 1, said(status));
  assert.match(status.stdout, /problem .*does not exist.*answers no lookup/);
  assert.match((await problems(it)).health, /does not exist/);
  assert.equal((await it.setup()).code, 78);
  assert.equal((await it.psi.cli('check')).code, 78);
  // The file is there again, and neither a restart nor a setup is needed.
  await it.psi.writeConfig(it.options);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
  assert.deepEqual(await it.lookup('A'), { ok: true, source: 'live', value: 'value a' });
});

test('the last good config follows the file at each good load, for its owner alone, and no secret outlives the file in it', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  const path = join(it.psi.stateDir, 'config.last-good');
  const kept = (): Promise<string> => readFile(path, 'utf8').catch(() => 'nothing is kept');
  assert.equal(await kept(), configText(it.options));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const elsewhere = join(it.options.dir, 'client-secret');
  await writeFile(elsewhere, CLIENT.clientSecret, { mode: 0o600 });
  const auth = { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: { file: elsewhere } };
  await it.psi.writeConfig({ ...it.options, provider: { auth } });
  assert.equal((await it.setup()).code, 0);
  assert.equal(await kept(), configText({ ...it.options, provider: { auth } }));
  for (const name of await readdir(it.psi.stateDir)) {
    assert.ok(!(await readFile(join(it.psi.stateDir, name), 'utf8')).includes(CLIENT.clientSecret), name);
  }
});

test('a bad config under a running psi is told by status, with its age, before anybody runs a setup', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await it.psi.writeConfig({ ...it.options, file: typo(it) });
  const status = await it.psi.cli('status');
  assert.equal(status.code, 1, said(status));
  assert.match(
    status.stdout,
    /problem .*worklods.*changed \d{4}-\d\d-\d\dT.*seen \d{4}-.*config of before\n.*psi check/,
  );
  const { health, metric } = await problems(it);
  assert.ok(health.includes('worklods') && metric === 1, `${health} ${String(metric)}`);
  assert.equal((await it.lookup('A')).ok, true);
  await it.psi.writeConfig(it.options);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
});

test('a change that takes a restart is told by status', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  const { config } = it.options;
  await it.psi.writeConfig({ ...it.options, config: { ...config, systemd_dir: '/srv/elsewhere' } });
  const status = await it.psi.cli('status');
  assert.match(
    said(status),
    /problem .*became \/srv\/elsewhere, which needs a restart.*\n.*systemctl restart psi\.service/,
  );
});

test('a client secret that cannot be read keeps psi from nothing that the cache has, and is named', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: {} });
  await it.registered();
  const gone = join(it.options.dir, 'gone');
  const auth = { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: { file: gone } };
  for (const name of await readdir(it.psi.stateDir))
    if (name.startsWith('.token.')) await rm(join(it.psi.stateDir, name));
  assert.ok(await restarted(it, { provider: { auth } }), 'psi does not start');
  assert.deepEqual(await it.lookup('A'), { ok: true, source: 'cache', value: 'value a' });
  const status = await it.psi.cli('status');
  assert.ok(status.code === 1 && status.stdout.includes(`the file ${gone} does not exist`), said(status));
  const setup = await it.setup();
  assert.ok(setup.code !== 0 && said(setup).includes(gone), said(setup));
  await writeFile(gone, CLIENT.clientSecret);
  // What the setup left stays named until one has done it.
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /^problem (?!app: setup left)/m);
  assert.equal((await it.setup()).code, 0);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
});

test('an authority that cannot be read keeps psi from no start, and its provider is asked once it is there', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: {} });
  await it.registered();
  const gone = join(it.options.dir, 'gone.pem');
  assert.ok(await restarted(it, { provider: { ca_cert: gone } }), 'psi does not start');
  assert.deepEqual(await it.lookup('A'), { ok: true, source: 'cache', value: 'value a' });
  const status = await it.psi.cli('status');
  assert.ok(status.stdout.includes(`ca_cert ${gone} does not exist`), said(status));
  await it.psi.cli('cache', 'invalidate', 'app');
  const live = await it.lookup('B');
  assert.ok(!live.ok && live.hint.includes(gone), JSON.stringify(live));
});

const withToken = (it: Observed, token: string): Promise<Reply> =>
  idOf(it, 'A').then((id) =>
    ask(it.psi.socket, 'GET', `/lookup/${id}`, undefined, { authorization: `Bearer ${token}` }),
  );

test('a socket token that cannot be read opens no socket: the one that lookups send is asked for, or nothing is answered', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  const file = join(it.options.dir, 'token');
  const config = { ...it.options.config, socket_token: { file } };
  await writeFile(file, 'canary-token');
  assert.ok(await restarted(it, { config }));
  await rm(file);
  assert.ok(await restarted(it, { config }), 'psi does not start');
  assert.equal((await withToken(it, 'canary-token')).status, 200);
  assert.equal((await withToken(it, 'another')).status, 401);
  const status = await it.psi.cli('status');
  assert.ok(status.stdout.includes(`the file ${file} does not exist`), said(status));
  assert.equal((await it.setup()).code, 78);
  await rm(join(it.psi.stateDir, 'driver.hdr'));
  assert.ok(await restarted(it, { config }), 'psi does not start');
  for (const token of ['canary-token', '']) {
    const refused = await withToken(it, token);
    assert.equal(refused.status, 500);
    assert.ok(String(refused.headers['psi-hint']).includes(file), String(refused.headers['psi-hint']));
  }
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
  await writeFile(file, 'canary-token');
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
  assert.equal((await withToken(it, 'canary-token')).status, 200);
  assert.equal((await withToken(it, '')).status, 401);
  assert.doesNotMatch(it.psi.log(), /canary-token/);
});

test('places that the unit names and the config does not are told by status', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  assert.ok(await restarted(it, { env: { ...it.options.env, PSI_STATE_DIR: '/srv/elsewhere' } }));
  const status = await it.psi.cli('status');
  assert.match(said(status), /problem .*\/srv\/elsewhere as PSI_STATE_DIR.*\n.*psi systemd install/);
});

test('a control socket that cannot be served is that of the unit, and ends no start', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  const below = join(it.psi.configFile, 'control.sock');
  const config = { ...it.options.config, control_socket: below };
  assert.ok(await restarted(it, { config }), 'psi does not start');
  assert.equal((await it.lookup('A')).ok, true);
  const status = await it.psi.cli('status');
  assert.equal(status.code, 1, said(status));
  assert.match(status.stdout, /problem .*PSI_CONTROL_SOCKET.*config\.yaml\/control\.sock/);
});

test('psi check judges a file without a service: all that is wrong, what is doubtful, and what is missing beside it', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.psi.stop();
  const dir = join(it.options.dir, 'check');
  await mkdir(dir);
  const file = join(dir, 'config.yaml');
  const check = async (text: string, ...flags: readonly string[]): Promise<RunResult> => {
    await writeFile(file, text, { mode: 0o600 });
    return it.psi.cli('check', '--config', file, ...flags);
  };
  const good = await check(configText(it.options));
  assert.deepEqual([good.code, good.stdout], [0, `good ${file}\n`], said(good));
  const bad = await check(`${typo(it)}state_dr: x\n`);
  assert.equal(bad.code, 78, said(bad));
  for (const part of [/worklods/, /state_dr/, /refused 2 problems/]) assert.match(bad.stdout, part);
  const doubtful = configText({
    ...it.options,
    workloads: { app: { secrets: [{ project: 'main', mode: '0400' }] } },
    provider: { ca_cert: join(dir, 'gone.pem') },
  });
  const warned = await check(doubtful);
  assert.equal(warned.code, 0, said(warned));
  assert.match(warned.stdout, /workloads\.app\.secrets\.0\.mode {2}\(warning\)/);
  assert.match(warned.stdout, /missing ca_cert .*gone\.pem does not exist\nhint: /);
  const json = JSON.parse((await check(doubtful, '--json')).stdout) as Record<string, never>;
  assert.deepEqual([json['exit'], json['failure'], json['issues']?.[0]?.['severity']], [0, null, 'warning']);
});

test('what is doubtful in a config refuses nothing, and setup and status say it', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  const secrets = [{ project: 'main', path: '/app', mode: '0400' }];
  await it.psi.writeConfig({ ...it.options, workloads: { app: { secrets } } });
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.match(setup.stdout, /note .*workloads\.app\.secrets\.0\.mode/);
  assert.match((await it.psi.cli('status')).stdout, /note .*workloads\.app\.secrets\.0\.mode/);
  assert.deepEqual(await it.targets(), ['A', 'B']);
});
