// What setup leaves as it was, and how it says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { secretId } from '../../../src/core/naming.ts';
import { changes, setupStage, workload } from './setup-stage.ts';

type Stage = Awaited<ReturnType<typeof setupStage>>;

const textOf = (stage: Stage, unit = 'myapp.container'): string => stage.dropIns.files.get(unit) ?? '';

async function withTwo(options?: Parameters<typeof setupStage>[0]): Promise<Stage> {
  const stage = await setupStage(options);
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  assert.equal((await stage.run()).outcome, 'done');
  return stage;
}

async function loseMapping(stage: Stage, name: string): Promise<void> {
  const { id } = (await stage.registry.list()).find((secret) => secret.name === name) ?? assert.fail(name);
  await stage.mappings.remove(secretId(id));
}

test('the drop-in of a unit whose quadlet is there stays when its workload has another name', async () => {
  const stage = await withTwo({ cache: true });
  const before = textOf(stage);
  stage.quadlets.units.add('myapp.container');
  stage.target.workloads = [workload('mapp', { path: '/myapp' })];
  const report = await stage.run();
  assert.equal(textOf(stage), before);
  assert.equal(report.outcome, 'left');
  assert.deepEqual(
    report.left.map(({ unit }) => unit),
    ['myapp.container'],
  );
  assert.match(report.left[0]?.hint ?? '', /`podman exec psi psi prune --workload myapp --apply`/);
  // Its secrets are what it starts with, from the cache too.
  assert.deepEqual(report.orphans, []);
  assert.equal(stage.cache.find({ provider: 'infisical', project: 'p', path: '/myapp', key: 'A' }) !== undefined, true);
  assert.equal((await stage.run({ dryRun: true })).left.length, 1);
});

test('what the cache holds for a drop-in that was left stays in it', async () => {
  const stage = await withTwo({ cache: true });
  stage.quadlets.units.add('myapp.container');
  stage.target.workloads = [workload('other')];
  stage.folders['/other'] = { C: '3' };
  const A = { provider: 'infisical', project: 'p', path: '/myapp', key: 'A' };
  // The unit of setup asks for its provider, which may have all workloads.
  for (const request of [{}, { provider: 'infisical' }]) {
    await stage.run(request);
    assert.ok(stage.cache.find(A), JSON.stringify(request));
  }
  stage.quadlets.units.clear();
  await stage.run();
  assert.equal(stage.cache.find(A), undefined);
});

test('a drop-in stays while nobody can tell whether its quadlet is gone', async () => {
  const stage = await withTwo();
  stage.quadlets.failWith = new PsiError('HOST', 'the bus is away');
  stage.target.workloads = [];
  const report = await stage.run();
  assert.deepEqual([changes(report), report.outcome], [[], 'left']);
  assert.match(report.left[0]?.reason ?? '', /cannot be told: the bus is away/);
});

test('the drop-in of an instance that hides the one of its template is moved, without a workload too', async () => {
  const stage = await withTwo();
  const text = textOf(stage);
  stage.dropIns.files.set('tm@one.container', text);
  stage.dropIns.misplaced.add('tm@one.container');
  stage.quadlets.units.add('tm@one.container');
  assert.deepEqual(changes(await stage.run()), ['write-drop-in tm@one.container']);
  assert.deepEqual([textOf(stage, 'tm@one.container'), stage.dropIns.misplaced.size], [text, 0]);
});

test("somebody's file that hides the drop-in of a template is named", async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('tm@')];
  stage.folders['/tm@'] = { COMMON: '1' };
  const path = '/etc/containers/systemd/tm@x.container.d/50-secrets.conf';
  stage.dropIns.hiding.set('tm@.container', [{ path, remedy: '`mv it`' }]);
  const report = await stage.run();
  assert.equal(report.outcome, 'left');
  assert.match(report.problems[0]?.reason ?? '', /hides it/);
  assert.match(report.problems[0]?.hint ?? '', /`mv it`/);
});

test("where somebody else's file is in the place of the drop-in, nothing of the workload is registered, in a dry run neither", async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.dropIns.foreign.add('myapp.container');
  for (const dryRun of [true, false]) {
    const report = await stage.run({ dryRun });
    assert.deepEqual([report.outcome, changes(report)], ['failed', []]);
    assert.match(report.failures[0]?.message ?? '', /was not written by psi/);
  }
});

test('a lost mapping and a hidden value cost no line, and the mapping is there again', async () => {
  const stage = await withTwo();
  const before = textOf(stage);
  await loseMapping(stage, 'myapp--B');
  stage.folders['/myapp'] = { A: '1', B: null };
  const report = await stage.run();
  assert.deepEqual([textOf(stage), report.outcome], [before, 'left']);
  assert.deepEqual(changes(report), ['remap myapp--B']);
  assert.equal(stage.mappings.size, 2);
});

test('a lost mapping of what no list has costs a line only where the provider says that it is gone', async () => {
  const stage = await withTwo();
  const before = textOf(stage);
  await loseMapping(stage, 'myapp--B');
  stage.folders['/myapp'] = { A: '1' };
  stage.target.workloads = [workload('myapp', { recursive: true })];
  const below = await stage.run();
  assert.deepEqual([textOf(stage), below.outcome], [before, 'left'], 'in which folder it was nobody knows');
  assert.match(below.problems[0]?.reason ?? '', /its mapping is lost.*its line stays/);
  // What the hint says.
  const excluding = workload('myapp', { recursive: true, exclude: ['B'] });
  stage.target.workloads = [excluding];
  const planned = await stage.run({ dryRun: true });
  assert.deepEqual([changes(planned), planned.outcome], [['write-drop-in myapp.container'], 'done']);
  stage.target.workloads = [workload('myapp')];
  const report = await stage.run();
  assert.match(report.notes.join(), /has no B any more/);
  assert.doesNotMatch(textOf(stage), /myapp--B/);
});

test('a secret that somebody removed from Podman keeps its line while its value is hidden, and is made anew', async () => {
  const stage = await withTwo();
  const before = textOf(stage);
  await stage.podman.remove('myapp--B');
  stage.folders['/myapp'] = { A: '1', B: null };
  const report = await stage.run();
  assert.deepEqual([textOf(stage), changes(report)], [before, ['create myapp--B']]);
});

test('a key that moved to where its value is hidden keeps its line and what it had', async () => {
  const stage = await withTwo();
  const before = textOf(stage);
  stage.folders['/moved'] = { A: '1', B: null };
  stage.target.workloads = [workload('myapp', { path: '/moved' })];
  const report = await stage.run();
  assert.deepEqual([textOf(stage), changes(report)], [before, ['remap myapp--A']]);
  assert.match(report.problems[0]?.reason ?? '', /its line stays, with what it had$/);
});

test('a path that yields nothing takes no line', async () => {
  const stage = await withTwo();
  const before = textOf(stage);
  stage.target.workloads = [workload('myapp', { path: '/mayp' })];
  const report = await stage.run();
  assert.deepEqual([textOf(stage), report.outcome], [before, 'left']);
  assert.match(report.notes.join(), /myapp: 2 lines stay that no source gives now/);
  assert.deepEqual(report.orphans, []);
});

test('a workload that has no secret and gets none fails, one that keeps what it had is left', async () => {
  const stage = await withTwo();
  const denied = (): PsiError => new PsiError('NOT_FOUND', 'no such folder');
  stage.failures.push(denied());
  assert.equal((await stage.run()).outcome, 'left');
  stage.target.workloads = [workload('myapp'), workload('new')];
  assert.equal((await stage.run()).outcome, 'failed', 'an empty source alone gives it nothing');
  stage.folders['/new'] = { C: '3' };
  stage.failures.push(denied());
  assert.equal((await stage.run()).outcome, 'left');
  assert.equal((await stage.run()).outcome, 'done');
});

test('a reload that failed is a failure: systemd may have nothing of a workload yet', async () => {
  const stage = await withTwo();
  stage.folders['/myapp'] = { A: '1', B: '2', C: '3' };
  stage.units.failWith = new PsiError('HOST', 'the bus is away');
  assert.equal((await stage.run()).outcome, 'failed');
});

test('a Podman that does not answer leaves everything as it was, unless a workload has nothing yet', async () => {
  const stage = await withTwo();
  stage.registry.failNext('list');
  const report = await stage.run();
  assert.deepEqual([report.outcome, report.failures.map(({ code }) => code)], ['left', ['HOST']]);
  stage.target.workloads = [workload('myapp'), workload('new')];
  stage.registry.failNext('list');
  await assert.rejects(stage.run(), { code: 'HOST' });
});

test('a run about some workloads leaves the drop-ins of all others alone', async () => {
  const stage = await withTwo();
  stage.target.workloads = [workload('other')];
  stage.folders['/other'] = { C: '3' };
  assert.deepEqual(changes(await stage.run({ workloads: ['gone', 'other'] })), [
    'create other--C',
    'write-drop-in other.container',
  ]);
});

for (const [path, what] of [
  ['/etc/containers/systemd/myapp.kube', /write its containers as \.container files/],
  ['/etc/containers/systemd/myapp.pod', /name their \.container files/],
] as const) {
  test(`a workload of which only ${path} is there gets no drop-in, and is told what to name`, async () => {
    const stage = await setupStage();
    stage.target.workloads = [workload('myapp'), workload('other')];
    stage.folders['/myapp'] = { A: '1' };
    stage.folders['/other'] = { B: '2' };
    stage.quadlets.namesakes.set('myapp.container', path);
    const report = await stage.run();
    assert.equal(report.outcome, 'failed');
    assert.deepEqual(
      report.failures.map(({ workload: name, message }) => [name, message.includes(path)]),
      [['myapp', true]],
    );
    assert.match(report.failures[0]?.hint ?? '', what);
    assert.deepEqual([...stage.dropIns.files.keys()], ['other.container']);
  });
}
