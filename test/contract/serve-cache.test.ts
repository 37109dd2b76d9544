// PSI as a process with its cache on, on a software TPM: an outage, a restart, a device that is wrong, silent or away, and a kill -9 during
// a save. What `psi cache` prints and exits with.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess, type Reply } from '../hosts/psi-process.ts';

const CREDENTIALS = { clientId: 'cache-host', clientSecret: 'canary-client-secret-cache' };
const PROJECT = 'cache-project';
const KEYS = ['A', 'B', 'C'] as const;
const FOLDER = { A: 'canary-value-a', B: 'canary-value-b', C: 'canary-value-c' };

type Stage = {
  readonly tpm: SoftTpm;
  readonly infisical: InfisicalDouble;
  readonly options: PsiOptions;
  readonly start: () => Promise<PsiProcess>;
  readonly cacheFile: string;
};

async function stage(
  t: TestContext,
  cache: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-cache-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  const infisical = await startInfisicalDouble({
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: PROJECT, environments: ['prod'] }],
      values: { [PROJECT]: { prod: { '/myapp': FOLDER } } },
    },
  });
  t.after(() => infisical.close());
  const options: PsiOptions = {
    dir,
    podmanSocket: join(dir, 'no-podman.sock'),
    apiUrl: infisical.url,
    ...CREDENTIALS,
    projects: { p: { id: PROJECT, environment: 'prod' } },
    workloads: { myapp: { secrets: [{ project: 'p', path: '/myapp' }] } },
    config: { ...config, cache: { backend: 'tpm', tpm: { tcti: tpm.tcti, pcrs: [] }, ...cache } },
  };
  const start = async (): Promise<PsiProcess> => {
    const psi = await startPsi(options);
    t.after(() => psi.kill());
    return psi;
  };
  return { tpm, infisical, options, start, cacheFile: join(dir, 'state', 'cache.enc') };
}

const idOf = (key: string): string => Buffer.from(key).toString('hex').padStart(25, '0');

/** As Podman's store command would, which these tests have no Podman for. */
async function register(psi: PsiProcess): Promise<void> {
  for (const key of KEYS) {
    const mapping = JSON.stringify({ provider: 'infisical', project: 'p', path: '/myapp', key });
    assert.equal((await ask(psi.socket, 'POST', `/store/${idOf(key)}`, mapping)).status, 200);
  }
}

const lookup = (psi: PsiProcess, key: string): Promise<Reply> => ask(psi.socket, 'GET', `/lookup/${idOf(key)}`);

async function answers(psi: PsiProcess): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const key of KEYS) {
    const { status, headers, body } = await lookup(psi, key);
    lines.push(status === 200 ? `${String(headers['psi-source'])} ${body.toString()}` : String(headers['psi-code']));
  }
  return lines;
}

const from = (source: string): readonly string[] => KEYS.map((key) => `${source} ${FOLDER[key]}`);

type Status = {
  readonly state: string;
  readonly entries: number;
  readonly missing: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly problem: { readonly reason: string; readonly message: string; readonly hint: string } | null;
  readonly verified: { readonly ok: boolean; readonly entries?: number } | null;
  readonly setAside: string | null;
};

async function statusOf(psi: PsiProcess, ...flags: readonly string[]): Promise<Status> {
  return JSON.parse((await psi.cli('cache', 'status', '--json', ...flags)).stdout) as Status;
}

/** The file is read after the start: until then lookups race it against the provider. */
async function untilOpened(psi: PsiProcess): Promise<Status> {
  for (;;) {
    const status = await statusOf(psi);
    if (status.state !== 'opening') return status;
  }
}

async function filled(it: Stage): Promise<PsiProcess> {
  const psi = await it.start();
  await register(psi);
  const { code, stdout, stderr } = await psi.cli('cache', 'refresh');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^cache: 3 entries saved$/m);
  return psi;
}

test('a refresh fills the cache, and lookups are answered from it without the provider', async (t) => {
  const it = await stage(t);
  const psi = await filled(it);
  const calls = it.infisical.count();
  assert.deepEqual(await answers(psi), from('cache'));
  assert.equal(it.infisical.count(), calls);
  assert.match(String((await lookup(psi, 'A')).headers['psi-age']), /^\d+$/);
});

test('through an outage a restarted PSI answers with the right values, and the file verifies', async (t) => {
  const it = await stage(t);
  assert.equal(await (await filled(it)).stop(), 0);
  await it.infisical.close();
  const psi = await it.start();
  assert.deepEqual(await answers(psi), from('cache'));
  const status = await statusOf(psi, '--verify');
  assert.deepEqual([status.state, status.entries, status.missing, status.verified?.entries], ['ready', 3, 0, 3]);
  const refresh = await psi.cli('cache', 'refresh');
  assert.equal(refresh.code, 75, refresh.stderr);
  assert.deepEqual(await answers(psi), from('cache'));
  assert.match((await psi.cli('status')).stdout, /^cache: ready \(tpm\), 3 entries/m);
});

test('a miss is learned, and a stop saves it', async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  await register(psi);
  await untilOpened(psi);
  assert.deepEqual(await answers(psi), from('live'));
  assert.equal(await psi.stop(), 0);
  await it.infisical.close();
  assert.deepEqual(await answers(await it.start()), from('cache'));
});

test('kill -9 while it saves again and again never leaves a file that does not open', async (t) => {
  const it = await stage(t);
  let psi = await filled(it);
  for (let round = 0; round < 5; round += 1) {
    const refreshes = Array.from({ length: 3 }, () => psi.cli('cache', 'refresh'));
    await Promise.race(refreshes);
    await psi.kill();
    await Promise.all(refreshes);
    psi = await it.start();
    const status = await statusOf(psi, '--verify');
    assert.deepEqual([status.setAside, status.verified], [null, { ...status.verified, ok: true, entries: 3 }]);
  }
  await it.infisical.close();
  await psi.kill();
  assert.deepEqual(await answers(await it.start()), from('cache'));
});

test('with another TPM lookups go live, and log, status and health say why', async (t) => {
  const it = await stage(t);
  await (await filled(it)).stop();
  const before = await readFile(it.cacheFile);
  const other = await SoftTpm.start();
  t.after(() => other.dispose());
  const psi = await startPsi({
    ...it.options,
    config: { cache: { backend: 'tpm', tpm: { tcti: other.tcti, pcrs: [] } } },
  });
  t.after(() => psi.kill());
  const { state, problem } = await untilOpened(psi);
  assert.deepEqual([state, problem?.reason], ['locked', 'other-device']);
  assert.deepEqual(await answers(psi), from('live'));
  const { status, body } = await ask(psi.socket, 'GET', '/healthz');
  assert.equal(status, 200);
  assert.match(body.toString(), /"status":"ok","cache":"cache locked: /);
  assert.equal(psi.log().match(/the cache has a problem/g)?.length, 1);
  assert.deepEqual(await readFile(it.cacheFile), before);
  assert.equal((await psi.cli('cache', 'status', '--verify')).code, 69);
  // It knows all there is: a refresh makes the cache this TPM's.
  assert.equal((await psi.cli('cache', 'refresh')).code, 0);
  assert.equal((await statusOf(psi, '--verify')).verified?.ok, true);
});

test('a moved PCR is named, with what to run', async (t) => {
  const it = await stage(t, {});
  const config = { cache: { backend: 'tpm', tpm: { tcti: it.tpm.tcti, pcrs: [11] } } };
  const bound: Stage = { ...it, start: () => startPsi({ ...it.options, config }) };
  const first = await filled(bound);
  await first.stop();
  await it.tpm.extend(11);
  const psi = await bound.start();
  t.after(() => psi.kill());
  await untilOpened(psi);
  assert.deepEqual(await answers(psi), from('live'));
  const { stdout } = await psi.cli('cache', 'status');
  assert.match(stdout, /PCR 11 \(sha256\) changed since sealing/);
  assert.match(stdout, /psi cache refresh/);
});

test('a TPM that is away, or answers no more, leaves lookups live and lets PSI stop', async (t) => {
  const it = await stage(t);
  await (await filled(it)).stop();
  await it.tpm.powerOff();
  const psi = await it.start();
  await untilOpened(psi);
  assert.deepEqual(await answers(psi), from('live'));
  assert.equal((await statusOf(psi)).problem?.reason, 'absent');
  assert.equal(await psi.stop(), 0);
  await it.tpm.powerOn();
  it.tpm.freeze();
  t.after(() => {
    it.tpm.thaw();
  });
  const silent = await it.start();
  assert.deepEqual(await answers(silent), from('live'));
  assert.equal(await silent.stop(), 0);
});

test('a damaged file is set aside, and lookups go live and make a new one', async (t) => {
  const it = await stage(t);
  await (await filled(it)).stop();
  const bytes = await readFile(it.cacheFile);
  await writeFile(it.cacheFile, bytes.subarray(0, -7));
  const psi = await it.start();
  const { problem, setAside } = await untilOpened(psi);
  assert.deepEqual([problem?.reason, setAside], ['truncated', `${it.cacheFile}.bad`]);
  assert.deepEqual(await answers(psi), from('live'));
  assert.equal((await psi.cli('cache', 'refresh')).code, 0);
  assert.equal((await statusOf(psi, '--verify')).verified?.entries, 3);
});

test('an invalidated secret is asked for anew; an unknown one is refused', async (t) => {
  const it = await stage(t);
  const psi = await filled(it);
  const { code, stdout } = await psi.cli('cache', 'invalidate', idOf('B'));
  assert.equal(code, 0);
  assert.match(stdout, /dropped 1 of 1/);
  assert.deepEqual(
    (await answers(psi)).map((line) => line.split(' ')[0]),
    ['cache', 'live', 'cache'],
  );
  const unknown = await psi.cli('cache', 'invalidate', 'nothing');
  assert.deepEqual([unknown.code, /error: .*nothing\nhint: /.test(unknown.stderr)], [66, true]);
});

test('past max_age a value is asked for first, and served as stale when the provider is down', async (t) => {
  // Without a window: else a listing made just before is handed out after the provider has gone.
  const it = await stage(t, { max_age: '1ms' }, { lookup: { batch_window: 0 } });
  const psi = await filled(it);
  assert.deepEqual(await answers(psi), from('live'));
  await it.infisical.close();
  assert.deepEqual(await answers(psi), from('stale'));
  assert.equal((await statusOf(psi)).answers['stale'], 3);
});

test('cache init tries the backend of the config and says what to write and run', async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  const tried = await psi.cli('cache', 'init', '--backend', 'tpm');
  assert.equal(tried.code, 0, tried.stderr);
  assert.match(tried.stdout, /wrap and unwrap: works/);
  assert.match(tried.stdout, /next: podman exec psi psi cache refresh/);
  const hsm = await psi.cli('cache', 'init', '--backend', 'hsm');
  assert.deepEqual([hsm.code, /hint: add it: `cache: \{hsm: \{module: /.test(hsm.stderr)], [78, true]);
  const credential = await psi.cli('cache', 'init', '--backend', 'credential');
  assert.deepEqual([credential.code, /hint: .*systemd-creds encrypt/.test(credential.stderr)], [69, true]);
  assert.equal((await psi.cli('cache', 'init', '--backend', 'tmp')).code, 64);
  await it.tpm.powerOff();
  assert.equal((await psi.cli('cache', 'init', '--backend', 'tpm')).code, 69);
});

test('without a cache the commands say that it is off, and a refresh by timer is no failure', async (t) => {
  const it = await stage(t, { enabled: false });
  const psi = await it.start();
  await register(psi);
  assert.deepEqual(await answers(psi), from('live'));
  assert.deepEqual(await answers(psi), from('live'));
  const [status, refresh] = [await psi.cli('cache', 'status'), await psi.cli('cache', 'refresh')];
  assert.deepEqual([status.code, refresh.code], [0, 0]);
  assert.match(`${status.stdout}${refresh.stdout}`, /cache: off\n.*\ncache: off, nothing to refresh/);
  assert.equal((await psi.cli('cache', 'invalidate', idOf('A'))).code, 78);
  assert.deepEqual(
    (await readdir(psi.stateDir)).filter((name) => name.includes('cache')),
    [],
  );
});

test('a changed cache needs a restart, and a setup says so before it does anything', async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  await psi.writeConfig({ ...it.options, config: { cache: { backend: 'tpm', max_age: '1d' } } });
  const { code, stderr } = await psi.cli('setup', '--dry-run');
  assert.equal(code, 78);
  assert.match(stderr, /`cache` was changed, which needs a restart/);
});

test('neither the file nor log, output and metrics hold a value, and the file is for its owner only', async (t) => {
  const it = await stage(t);
  const psi = await filled(it);
  await answers(psi);
  const outputs = await Promise.all(
    [['status'], ['cache', 'status', '--verify'], ['cache', 'status', '--json'], ['cache', 'refresh', '--json']].map(
      (words) => psi.cli(...words),
    ),
  );
  const metrics = await ask(join(it.options.dir, 'control.sock'), 'GET', '/metrics');
  assert.match(metrics.body.toString(), /^psi_cache_entries 3$/m);
  assert.match(metrics.body.toString(), /^psi_lookups_total\{outcome="ok",source="cache"\} 3$/m);
  const seen = [
    psi.log(),
    metrics.body.toString(),
    ...outputs.map(({ stdout, stderr }) => stdout + stderr),
    (await readFile(it.cacheFile)).toString('latin1'),
  ];
  for (const text of seen) assert.doesNotMatch(text, /canary/);
  for (const name of await readdir(psi.stateDir)) {
    assert.equal((await stat(join(psi.stateDir, name))).mode & 0o777, 0o600, name);
  }
});
