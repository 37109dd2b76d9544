// PSI as a process with its cache on, on a software TPM: an outage, a restart, a device that is wrong, silent or away, and a kill -9 during
// a save. What `psi cache` prints and exits with.

import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { compileKillPoint, isReplaced, KILL_POINTS } from '../doubles/kill-point/kill-point.ts';
import { ask, startPsi } from '../hosts/psi-process.ts';
import {
  answers,
  cacheStage,
  filled,
  from,
  FOLDER_ADDRESS,
  idOf,
  KEYS,
  lookup,
  register,
  statusOf,
  untilOpened,
  type CacheStage,
  type CacheStageOptions,
} from './serve-cache-stage.ts';

type Stage = CacheStage & { readonly tpm: SoftTpm };

async function stage(t: TestContext, options: Partial<CacheStageOptions> = {}): Promise<Stage> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  const cache = { backend: 'tpm', tpm: { tcti: tpm.tcti, pcrs: [] }, ...options.cache };
  const it = await cacheStage(t, { ...options, cache });
  return { ...it, tpm };
}

/** What the kernel's resource manager does with the objects and sessions of a process that has ended; here nobody stands in between. */
async function forgetTheDead(tpm: SoftTpm): Promise<void> {
  for (const kind of ['-t', '-l']) await tpm.tool('flushcontext', kind);
}

/** Each save renames a file of its own to that name. The answer counts those that were made before it is called. */
function countRenames(t: TestContext, folder: string, name: string): () => Promise<number> {
  let count = 0;
  const marked = Promise.withResolvers<undefined>();
  const watcher = watch(folder, (event, file) => {
    if (event === 'rename' && file === name) count += 1;
    if (file === '.marker') marked.resolve(undefined);
  });
  t.after(() => {
    watcher.close();
  });
  return async () => {
    // Events come in order.
    await writeFile(join(folder, '.marker'), '');
    await marked.promise;
    return count;
  };
}

test('a refresh fills the cache, and lookups are answered from it without the provider', async (t) => {
  const it = await stage(t);
  const psi = await filled(it);
  const calls = it.infisical.count();
  assert.deepEqual(await answers(psi), from('cache'));
  assert.equal(it.infisical.count(), calls);
  assert.match(String((await lookup(psi, 'A')).headers['psi-age']), /^\d+$/);
});

test('a value that is 3 s old is told with its age: from the listing it came with, from the cache, and in the status', async (t) => {
  const it = await stage(t, { config: { lookup: { batch_window: '1s' } } });
  const psi = await it.start();
  await untilOpened(psi);
  await register(psi);
  assert.equal(Number((await lookup(psi, 'A')).headers['psi-age']), 0);
  const deadline = AbortSignal.timeout(20_000);
  let age = 0;
  while (age < 3) {
    deadline.throwIfAborted();
    age = Number((await lookup(psi, 'A')).headers['psi-age']);
  }
  it.infisical.state.setSecret({ ...FOLDER_ADDRESS, key: 'C', value: 'changed since' });
  const { headers, body } = await lookup(psi, 'C');
  assert.deepEqual([headers['psi-source'], body.toString()], ['held', 'canary-value-c']);
  assert.ok(Number(headers['psi-age']) >= 3, String(headers['psi-age']));
  const again = await lookup(psi, 'C');
  assert.equal(again.headers['psi-source'], 'cache');
  assert.ok(Number(again.headers['psi-age']) >= 3, String(again.headers['psi-age']));
  assert.ok(Number((await statusOf(psi)).oldestAgeSeconds) >= 3);
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

test('1,000 misses in a burst are at most five saves, and all of them are in the file', async (t) => {
  const keys = Array.from({ length: 1_000 }, (_, at) => `KEY_${String(at)}`);
  const it = await stage(t, { folder: Object.fromEntries(keys.map((key) => [key, `value of ${key}`])) });
  const psi = await it.start();
  await register(psi, keys);
  await untilOpened(psi);
  const saves = countRenames(t, psi.stateDir, 'cache.enc');
  for (let at = 0; at < keys.length; at += 50) {
    const sources = await Promise.all(keys.slice(at, at + 50).map((key) => lookup(psi, key)));
    assert.deepEqual(new Set(sources.map(({ headers }) => headers['psi-source'])), new Set(['live']));
  }
  assert.equal(await psi.stop(), 0);
  const count = await saves();
  assert.ok(count >= 1 && count <= 5, `${String(count)} saves`);
  await it.infisical.close();
  const { entries, verified } = await statusOf(await it.start(), '--verify');
  assert.deepEqual([entries, verified?.entries], [1_000, 1_000]);
});

test('kill -9 while it saves again and again never leaves a file that does not open', async (t) => {
  const it = await stage(t);
  let psi = await filled(it);
  for (let round = 0; round < 5; round += 1) {
    const refreshes = Array.from({ length: 3 }, () => psi.cli('cache', 'refresh'));
    await Promise.race(refreshes);
    await psi.kill();
    await Promise.all(refreshes);
    await forgetTheDead(it.tpm);
    psi = await it.start();
    const status = await statusOf(psi, '--verify');
    assert.deepEqual([status.setAside, status.verified], [null, { ...status.verified, ok: true, entries: 3 }]);
  }
  await it.infisical.close();
  await psi.kill();
  await forgetTheDead(it.tpm);
  assert.deepEqual(await answers(await it.start()), from('cache'));
});

test('killed at any step of a save, it leaves the old cache or the new one, whole', async (t) => {
  const it = await stage(t);
  await (await filled(it)).stop();
  const { dir } = it.options;
  const armed = join(dir, 'kill-point');
  const env = { LD_PRELOAD: await compileKillPoint(dir), KILL_POINT_FILE: armed };
  const addresses = KEYS.map((key) => ({ ...FOLDER_ADDRESS, key }));
  let old = 'canary-value-old';
  for (const address of addresses) it.infisical.state.setSecret({ ...address, value: old });
  const first = await it.start();
  assert.equal((await first.cli('cache', 'refresh')).code, 0);
  await first.stop();
  for (const point of KILL_POINTS) {
    const psi = await it.start(env);
    await untilOpened(psi);
    const value = `canary-value-${point.replaceAll(' ', '-')}`;
    for (const address of addresses) it.infisical.state.setSecret({ ...address, value });
    await writeFile(armed, point);
    assert.notEqual((await psi.cli('cache', 'refresh')).code, 0, point);
    assert.equal(await psi.ended, 'SIGKILL', point);
    await rm(armed);
    const after = await it.start();
    const status = await untilOpened(after);
    assert.deepEqual([status.setAside, status.problem, status.entries], [null, null, 3], point);
    old = isReplaced(point) ? value : old;
    assert.deepEqual(
      await answers(after),
      KEYS.map(() => `cache ${old}`),
      point,
    );
    await after.stop();
  }
  const last = await it.start();
  assert.equal((await last.cli('cache', 'refresh')).code, 0);
  assert.deepEqual(
    (await readdir(join(dir, 'state'))).filter((name) => name.endsWith('.tmp')),
    [],
  );
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
  const it = await stage(t);
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
  const it = await stage(t, { cache: { max_age: '1ms' }, config: { lookup: { batch_window: 0 } } });
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
  const it = await stage(t, { cache: { enabled: false } });
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
