// Setup and the cache: the listing it has anyway becomes the cache, in one save and without a call of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { setupStage, workload } from './setup-stage.ts';

type Stage = Awaited<ReturnType<typeof setupStage>>;

const onDisk = ({ cacheFile }: Stage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (cacheFile.content?.entries ?? []).map(({ mapping, value }) => [
      mapping.path + '/' + mapping.key,
      value.exposeText(),
    ]),
  );

async function twoWorkloads(): Promise<Stage> {
  const stage = await setupStage({ cache: true });
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  stage.folders['/other'] = { C: '3' };
  return stage;
}

const down = (): PsiError => new PsiError('PROVIDER_DENIED', 'refused');

test('setup fills the cache from the listing it has, in one save and with no call of its own', async () => {
  const stage = await twoWorkloads();
  const report = await stage.run();
  assert.deepEqual(onDisk(stage), { '/myapp/A': '1', '/myapp/B': '2', '/other/C': '3' });
  assert.deepEqual([stage.cacheFile.writes, stage.calls], [1, ['/myapp', '/other']]);
  assert.deepEqual(report.cache, { saved: true, entries: 3, dropped: 0 });
});

test('a rotated value and a dropped key are in the cache after the next setup', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.folders['/myapp'] = { A: 'new' };
  const report = await stage.run();
  assert.deepEqual(onDisk(stage), { '/myapp/A': 'new', '/other/C': '3' });
  assert.deepEqual(report.cache, { saved: true, entries: 2, dropped: 1 });
});

test('a dry run touches no cache', async () => {
  const stage = await twoWorkloads();
  const report = await stage.run({ dryRun: true });
  assert.deepEqual([report.cache, stage.cacheFile.writes, stage.cache.status().entries], [null, 0, 0]);
});

test('a filtered run drops nothing of other workloads', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.folders['/myapp'] = { A: 'new' };
  await stage.run({ workload: 'myapp' });
  assert.deepEqual(onDisk(stage), { '/myapp/A': 'new', '/myapp/B': '2', '/other/C': '3' });
});

test('a filter that names all workloads is no filter', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.folders['/myapp'] = { A: 'new' };
  await stage.run({ provider: 'infisical' });
  assert.deepEqual(onDisk(stage), { '/myapp/A': 'new', '/other/C': '3' });
});

test('what a workload has keeps its place in the cache when that workload cannot be listed', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.folders['/other'] = { C: 'new' };
  stage.failures.push(down(), down());
  const report = await stage.run();
  assert.equal(report.failures.length, 1);
  assert.deepEqual(onDisk(stage), { '/myapp/A': '1', '/myapp/B': '2', '/other/C': 'new' });
});

test('a setup during an outage leaves the cache as it was', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.failures.push(down(), down(), down(), down());
  const report = await stage.run();
  assert.deepEqual([stage.cacheFile.writes, report.cache?.saved], [1, false]);
  assert.equal(stage.cache.status().entries, 3);
});

test('a hidden value leaves what is cached of it', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.folders['/myapp'] = { A: null, B: 'new' };
  await stage.run();
  assert.deepEqual(onDisk(stage), { '/myapp/A': '1', '/myapp/B': 'new', '/other/C': '3' });
});

test('a cache that cannot be saved is no failure of the run, which says why', async () => {
  const stage = await twoWorkloads();
  stage.cacheFile.writeFailure = new PsiError('KEY_UNAVAILABLE', 'no TPM', { hint: 'plug it in' });
  const report = await stage.run();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.cache, { saved: false, entries: null, reason: 'no TPM', hint: 'plug it in' });
  await stage.cache.close();
});

test('the report holds nothing of a value', async () => {
  const stage = await twoWorkloads();
  stage.folders['/myapp'] = { A: 'canary-value' };
  assert.doesNotMatch(JSON.stringify([await stage.run(), stage.events]), /canary/);
});

test('a provider that is down is not waited for where all that its workloads have is cached', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  const away = (): PsiError => new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' });
  stage.failures.push(away(), away());
  const report = await stage.run();
  assert.deepEqual(
    report.failures.map(({ workload, message }) => [workload, message]),
    [
      ['myapp', 'away'],
      ['other', 'away'],
    ],
  );
  assert.equal(stage.clock.sleeping, 0);
  assert.deepEqual(onDisk(stage), { '/myapp/A': '1', '/myapp/B': '2', '/other/C': '3' });
});

test('it is waited for where one secret that has a line is not cached', async () => {
  const stage = await twoWorkloads();
  await stage.run();
  stage.cache.missing({ provider: 'infisical', project: 'p', path: '/other', key: 'C' });
  stage.failures.push(new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' }));
  stage.failures.push(new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' }));
  const run = stage.run();
  await stage.clock.advance(5_000);
  const { failures } = await run;
  assert.deepEqual(
    failures.map(({ workload }) => workload),
    ['myapp'],
  );
});
