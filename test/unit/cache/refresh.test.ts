import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { SecretCache } from '../../../src/cache/cache.ts';
import { CacheControl, type CacheReport } from '../../../src/cache/control.ts';
import { CacheRefresh, type RefreshReport } from '../../../src/cache/refresh.ts';
import { tryKey } from '../../../src/sealing/key-report.ts';
import { FakeKeyWrapper } from '../../fakes/key-wrapper.fake.ts';
import { setupStage, workload } from '../registration/setup-stage.ts';

type Made = Awaited<ReturnType<typeof setupStage>>;

function refreshOf({ mappings, clock, target, source, events }: Made, cache: SecretCache) {
  const refresh = (replace = false): Promise<RefreshReport> =>
    new CacheRefresh({ cache, mappings, clock }).run(
      { workloads: target.workloads, sourceOf: () => source },
      { replace },
      (event) => events.push(event),
      new AbortController().signal,
    );
  return { refresh };
}

async function stage() {
  const made = await setupStage({ cache: true });
  made.target.workloads = [workload('myapp'), workload('other')];
  made.folders['/myapp'] = { A: '1', B: '2' };
  made.folders['/other'] = { C: '3' };
  await made.run();
  const { cache, mappings, registry } = made;
  const keys = new FakeKeyWrapper();
  const control = new CacheControl({ running: { cache, keys: [keys] }, mappings, registry });
  const statusOf = async (options: { readonly verify: boolean }): Promise<CacheReport> => {
    const report = await control.status(options);
    assert.ok(report);
    return report;
  };
  const { refresh } = refreshOf(made, cache);
  const onDisk = (): Readonly<Record<string, string>> =>
    Object.fromEntries(
      (made.cacheFile.content?.entries ?? []).map(({ mapping, value }) => [mapping.key, value.exposeText()]),
    );
  return { ...made, refresh, control, statusOf, keys, onDisk };
}

/** PSI was started anew, and the key of its cache is another one. */
async function lockedStage() {
  const before = await stage();
  const { clock, cacheFile } = before;
  cacheFile.readFailure = new PsiError('KEY_UNAVAILABLE', 'another TPM', { details: { reason: 'other-device' } });
  const log = { opened: () => undefined, problem: () => undefined, recovered: () => undefined };
  const cache = new SecretCache({ file: cacheFile, backends: ['tpm'], clock, log }, { maxAgeMs: undefined });
  await cache.open();
  return { ...before, ...refreshOf(before, cache), cache };
}

const down = (): PsiError => new PsiError('PROVIDER_DOWN', 'infisical is away', { retry: 'later' });

test('a refresh fetches rotated values and drops what is gone, in one save and without Podman', async () => {
  const { refresh, folders, onDisk, registry, cacheFile } = await stage();
  folders['/myapp'] = { A: 'new' };
  registry.failNext('list');
  const report = await refresh();
  assert.deepEqual(onDisk(), { A: 'new', C: '3' });
  assert.deepEqual([report.exit, report.failures, cacheFile.writes], [0, [], 2]);
});

test('a refresh during an outage tries once, leaves the cache as it was and says to try later', async () => {
  const { refresh, failures, onDisk, cacheFile, calls, clock } = await stage();
  calls.length = 0;
  failures.push(down(), down());
  const report = await refresh();
  assert.deepEqual([report.exit, report.failures.length, report.cache.saved], [75, 2, false]);
  assert.deepEqual([onDisk(), cacheFile.writes], [{ A: '1', B: '2', C: '3' }, 1]);
  assert.deepEqual([calls, clock.sleeping], [['/myapp', '/other'], 0]);
});

test('a refresh that reaches a part of the sources takes that and drops nothing', async () => {
  const { refresh, failures, folders, onDisk } = await stage();
  failures.push(down());
  folders['/other'] = { D: '4' };
  const report = await refresh();
  assert.deepEqual([report.exit, onDisk()], [75, { A: '1', B: '2', C: '3', D: '4' }]);
});

test('a refresh that somebody has to help exits with what is wrong', async () => {
  const { refresh, failures } = await stage();
  failures.push(new PsiError('PROVIDER_DENIED', 'refused'), new PsiError('PROVIDER_DENIED', 'refused'), down());
  assert.equal((await refresh()).exit, 77);
});

test('a refresh believes no folder that is suddenly empty', async () => {
  const { refresh, folders, onDisk } = await stage();
  folders['/myapp'] = {};
  const report = await refresh();
  assert.deepEqual([report.exit, onDisk()], [66, { A: '1', B: '2', C: '3' }]);
});

test('a refresh whose file cannot be saved says why', async () => {
  const { refresh, cacheFile, cache } = await stage();
  cacheFile.writeFailure = new PsiError('KEY_UNAVAILABLE', 'no TPM', { hint: 'plug it in' });
  const report = await refresh();
  assert.deepEqual(report.cache, { saved: false, entries: null, reason: 'no TPM', hint: 'plug it in' });
  assert.equal(report.exit, 69);
  await cache.close();
});

test('a refresh that cannot list all leaves a file that cannot be opened, and says which command does without it', async () => {
  const { refresh, cacheFile, cache, folders, onDisk } = await lockedStage();
  delete folders['/other'];
  const report = await refresh();
  assert.deepEqual([report.cache.saved, onDisk()], [false, { A: '1', B: '2', C: '3' }]);
  assert.match((!report.cache.saved && report.cache.hint) || '', /`podman exec psi psi cache refresh --replace`/);
  // The command of the hint: the file stays, beside the new one.
  assert.equal((await refresh(true)).cache.saved, true);
  assert.deepEqual([cacheFile.aside, onDisk(), cache.status().setAside], [1, { A: '1', B: '2' }, 'cache.enc.bad']);
});

test('a refresh of a config that names nothing does not empty a file that cannot be opened', async () => {
  const { refresh, target, onDisk } = await lockedStage();
  target.workloads = [];
  assert.equal((await refresh()).cache.saved, false);
  assert.deepEqual(onDisk(), { A: '1', B: '2', C: '3' });
});

test('invalidates one secret by its name or id, and a workload with all of its secrets', async () => {
  const { control, onDisk, mappings, registry } = await stage();
  assert.deepEqual(await control.invalidate('myapp--A'), { named: 1, dropped: 1 });
  assert.deepEqual(onDisk(), { B: '2', C: '3' });
  const [id = ''] = mappings.ids().filter((one) => mappings.placeOf(one)?.key === 'C');
  assert.deepEqual(await control.invalidate(id), { named: 1, dropped: 1 });
  registry.failNext('list');
  assert.deepEqual(await control.invalidate('myapp'), { named: 2, dropped: 1 });
  assert.deepEqual(onDisk(), {});
});

test('refuses to invalidate what nobody knows', async () => {
  const { control } = await stage();
  await assert.rejects(control.invalidate('nothing'), { code: 'NOT_FOUND', hint: /podman secret ls/ });
});

test('the status counts registered secrets without a cached value, and verifies the file if asked', async () => {
  const { control, statusOf, cacheFile } = await stage();
  await control.invalidate('myapp');
  const plain = await statusOf({ verify: false });
  assert.deepEqual([plain.entries, plain.missing, plain.verified, plain.keys[0]?.problem], [1, 2, null, null]);
  const good = await statusOf({ verify: true });
  assert.deepEqual([good.verified?.ok, good.verified?.ok === true && good.verified.entries], [true, 1]);
  cacheFile.broken = true;
  const bad = await statusOf({ verify: true });
  assert.equal(bad.verified?.ok === false && bad.verified.failure.code, 'CACHE_CORRUPT');
  assert.equal(bad.entries, 1);
});

test('the status says what is wrong with the device', async () => {
  const { statusOf, keys } = await stage();
  keys.failure = 'absent';
  const [key] = (await statusOf({ verify: false })).keys;
  assert.match(String(key?.problem?.message), /no key \(absent\)/);
});

test('a backend is tried by wrapping and opening a key', async () => {
  const keys = new FakeKeyWrapper();
  const report = await tryKey(keys, (bytes) => new Uint8Array(bytes).fill(7));
  assert.deepEqual([keys.wraps, keys.unwraps, report.problem], [1, 1, null]);
  keys.failure = 'policy';
  await assert.rejects(
    tryKey(keys, (bytes) => new Uint8Array(bytes)),
    { code: 'KEY_UNAVAILABLE' },
  );
});

test('where workloads could not be found nothing is dropped, and the refresh says so', async () => {
  const { mappings, clock, target, source, cache, folders, onDisk } = await stage();
  delete folders['/other'];
  target.workloads = target.workloads.filter(({ name }) => name === 'myapp');
  const report = await new CacheRefresh({ cache, mappings, clock }).run(
    { workloads: target.workloads, sourceOf: () => source, errors: [down()] },
    { replace: false },
    () => undefined,
    new AbortController().signal,
  );
  assert.equal(report.exit, 75);
  assert.deepEqual(report.failures, [
    { workload: null, code: 'PROVIDER_DOWN', message: 'infisical is away', hint: null },
  ]);
  assert.deepEqual(onDisk(), { A: '1', B: '2', C: '3' });
});
