// Setups of a workload whose config names its secrets key by key: what is registered keeps its id, and what is missing stops its workload.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { SecretUse } from '../../../src/core/workload.ts';
import { changes, setupStage, workload } from './setup-stage.ts';

function keys(given: Readonly<Record<string, readonly (string | SecretUse)[]>>) {
  return Object.entries(given).map(([key, uses]) => ({
    key,
    uses: uses.map((use): SecretUse => (typeof use === 'string' ? { kind: 'env', target: use } : use)),
  }));
}

async function staged() {
  const stage = await setupStage();
  stage.folders['/myapp'] = { DB: '1', API: '2', OTHER: '3' };
  const lines = (): readonly string[] =>
    (stage.dropIns.files.get('myapp.container') ?? '').split('\n').filter((line) => line.startsWith('Secret='));
  const ids = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries((await stage.registry.list()).map(({ name, id }) => [name, id]));
  return { ...stage, lines, ids };
}

test('renames, several variables and a file with an owner are lines of one secret each', async () => {
  const stage = await staged();
  const file = { kind: 'mount', target: '/etc/db', mode: '0400', uid: 70, gid: 70 } as const;
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['POSTGRES_PASSWORD', file], API: ['A', 'B'] }) })];
  assert.deepEqual(changes(await stage.run()), [
    'create myapp--A',
    'create myapp--POSTGRES_PASSWORD',
    'write-drop-in myapp.container',
  ]);
  assert.deepEqual(stage.lines(), [
    'Secret=myapp--A,type=env,target=A',
    'Secret=myapp--A,type=env,target=B',
    'Secret=myapp--POSTGRES_PASSWORD,type=env,target=POSTGRES_PASSWORD',
    'Secret=myapp--POSTGRES_PASSWORD,type=mount,target=/etc/db,uid=70,gid=70,mode=0400',
  ]);
  assert.deepEqual(stage.calls, ['/myapp']);
  assert.deepEqual(changes(await stage.run()), []);
});

test('a config gains keys, reorders and loses them: no id changes, and Podman is not asked to replace anything', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp')];
  await stage.run();
  const before = await stage.ids();
  const writes = stage.registry.writes.length;

  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['POSTGRES_PASSWORD'], API: ['API', 'OLD'] }) })];
  assert.deepEqual(changes(await stage.run()), ['write-drop-in myapp.container']);
  assert.deepEqual(stage.lines(), [
    'Secret=myapp--API,type=env,target=API',
    'Secret=myapp--API,type=env,target=OLD',
    'Secret=myapp--DB,type=env,target=POSTGRES_PASSWORD',
  ]);
  stage.target.workloads = [workload('myapp', { keys: keys({ API: ['OLD', 'API'], DB: ['POSTGRES_PASSWORD'] }) })];
  assert.deepEqual(changes(await stage.run()), []);
  stage.target.workloads = [workload('myapp')];
  assert.deepEqual(changes(await stage.run()), ['write-drop-in myapp.container']);
  assert.deepEqual(stage.lines(), [
    'Secret=myapp--API,type=env,target=API',
    'Secret=myapp--DB,type=env,target=DB',
    'Secret=myapp--OTHER,type=env,target=OTHER',
  ]);
  assert.deepEqual(await stage.ids(), before);
  assert.equal(stage.registry.writes.length, writes);
});

test('a name that keys gave stays when they go', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['POSTGRES_PASSWORD'] }) })];
  await stage.run();
  const before = await stage.ids();
  stage.target.workloads = [workload('myapp')];
  const report = await stage.run();
  assert.deepEqual(report.orphans, []);
  assert.equal((await stage.ids())['myapp--POSTGRES_PASSWORD'], before['myapp--POSTGRES_PASSWORD']);
  assert.ok(stage.lines().includes('Secret=myapp--POSTGRES_PASSWORD,type=env,target=DB'));
  assert.deepEqual(changes(await stage.run()), []);
});

test('a key that is missing fails its workload by name, and what it has stays', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['DB'] }) }), workload('other', { path: '/myapp' })];
  await stage.run();
  const before = stage.lines();
  stage.target.workloads = [
    workload('myapp', { keys: keys({ DB: ['RENAMED'], NOPE: ['NOPE'], 'TY\u202ePO': ['X'] }) }),
    workload('other', { path: '/myapp' }),
  ];
  const report = await stage.run();
  assert.deepEqual([report.outcome, report.failures.length], ['left', 1]);
  const [{ workload: name, code, message } = { workload: '', code: '', message: '' }] = report.failures;
  assert.deepEqual([name, code], ['myapp', 'NOT_FOUND']);
  assert.match(message, /infisical has no NOPE, TY\\u202ePO in p:\/myapp/);
  assert.deepEqual(stage.lines(), before);
});

test('a key that the workload has and the provider has no more keeps its line, and setup says so', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['X'], API: ['API'] }) })];
  await stage.run();
  const before = stage.lines();
  delete stage.folders['/myapp']?.['DB'];
  const report = await stage.run();
  assert.deepEqual([report.outcome, report.changes, stage.lines()], ['left', [], before]);
  assert.match(report.failures[0]?.message ?? '', /has no DB in p:\/myapp/);
});

test('a key that no list shows and that may be read is taken; one that may not be is named and gets no line', async () => {
  const stage = await staged();
  const { source } = stage;
  const list = source.list;
  Object.assign(source, {
    list: async (...args: Parameters<typeof list>) => (await list(...args)).filter(({ key }) => key === 'DB'),
  });
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['DB'], API: ['X'], OTHER: ['Y'] }) })];
  stage.folders['/myapp'] = { DB: '1', API: '2', OTHER: null };
  const report = await stage.run();
  assert.deepEqual(stage.lines(), ['Secret=myapp--DB,type=env,target=DB', 'Secret=myapp--X,type=env,target=X']);
  assert.deepEqual(
    report.problems.map(({ name }) => name),
    ['myapp--Y'],
  );
});

test('a renamed secret that may not be read any more keeps its line under the name that it has', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp')];
  await stage.run();
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['X'], API: ['API'] }) })];
  await stage.run();
  stage.folders['/myapp'] = { DB: null, API: '2', OTHER: '3' };
  const report = await stage.run();
  assert.deepEqual(
    report.problems.map(({ name }) => name),
    ['myapp--DB'],
  );
  assert.deepEqual(stage.lines(), ['Secret=myapp--API,type=env,target=API', 'Secret=myapp--DB,type=env,target=X']);
});

test('sources of one folder, with keys and without, list it once', async () => {
  const stage = await staged();
  stage.target.workloads = [
    workload('myapp', { keys: keys({ DB: ['X'] }) }, {}, { keys: keys({ DB: ['Z'] }) }),
    workload('other', { path: '/myapp', keys: keys({ API: ['Y'] }) }),
  ];
  const report = await stage.run();
  assert.deepEqual([report.outcome, stage.calls], ['done', ['/myapp']]);
});

test('where both give a variable the entry wins, and the run says so', async () => {
  const stage = await staged();
  stage.folders['/shared'] = { TOKEN: 's' };
  stage.target.workloads = [workload('myapp', { path: '/shared', keys: keys({ TOKEN: ['DB'] }) }, {})];
  const report = await stage.run();
  assert.deepEqual(report.overridden, [{ workload: 'myapp', name: 'myapp--DB', by: 'p:/shared', entry: true }]);
  assert.ok(stage.lines().includes('Secret=myapp--DB,type=env,target=DB'));
  assert.equal(stage.lines().filter((line) => line.endsWith('target=DB')).length, 1);
});

test('an entry that fails with the provider is waited for as any other', async () => {
  const stage = await staged();
  stage.failures.push(new PsiError('PROVIDER_DENIED', 'no'), new PsiError('PROVIDER_DENIED', 'no'));
  stage.target.workloads = [workload('myapp', { keys: keys({ DB: ['X'] }) })];
  const report = await stage.run();
  assert.deepEqual([report.outcome, report.failures[0]?.code], ['failed', 'PROVIDER_DENIED']);
});

test('what the quadlet keeps from working is a note, and nothing is kept from anything where it cannot be read', async () => {
  const stage = await staged();
  stage.target.workloads = [workload('myapp')];
  stage.doubts.set('myapp.container', ['a.container:3: User=1000 may not read it']);
  const report = await stage.run();
  assert.deepEqual([report.outcome, report.notes], ['done', ['myapp: a.container:3: User=1000 may not read it']]);
  stage.doubts.set('fail', []);
  assert.deepEqual((await stage.run()).notes, []);
});
