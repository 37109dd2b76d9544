import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { SetupEvent } from '../../../src/registration/setup-events.ts';
import { changes, setupStage, workload } from './setup-stage.ts';
import { NO_HELPER } from '../../hosts/driver-command.ts';

test('registers what the source lists, writes the drop-in and reloads systemd once', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  stage.folders['/other'] = { C: '3' };
  const report = await stage.run();
  assert.deepEqual(changes(report), [
    'create myapp--A',
    'create myapp--B',
    'write-drop-in myapp.container',
    'create other--C',
    'write-drop-in other.container',
  ]);
  assert.match(stage.dropIns.files.get('myapp.container') ?? '', /^Secret=myapp--A,type=env,target=A$/m);
  assert.equal(stage.units.reloads, 1);
  assert.equal(stage.mappings.size, 3);
});

test('changes nothing the second time', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  await stage.run();
  const before = { writes: stage.registry.writes.length, files: stage.mappingStore.writes, ids: stage.mappings.ids() };
  const report = await stage.run();
  assert.deepEqual([changes(report), report.kept], [[], 1]);
  assert.deepEqual(
    { writes: stage.registry.writes.length, files: stage.mappingStore.writes, ids: stage.mappings.ids() },
    before,
  );
  assert.deepEqual([stage.dropIns.changes.length, stage.units.reloads], [1, 1]);
});

test('a rotated value is no change at all', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: 'old' };
  await stage.run();
  stage.folders['/myapp'] = { A: 'new' };
  assert.deepEqual(changes(await stage.run()), []);
});

test('a dry run that would change a drop-in reloads nothing and says nothing of it', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  const report = await stage.run({ dryRun: true });
  assert.ok(changes(report).includes('write-drop-in myapp.container'));
  assert.deepEqual([stage.dropIns.changes.length, stage.units.reloads], [0, 0]);
  assert.deepEqual(
    stage.events.map(({ event }) => event),
    ['workload', 'listing'],
  );
});

test('writes the mappings that are in memory alone, and says so; a dry run only says so', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  const files = new Map(stage.mappingStore.files);
  stage.mappingStore.files.clear();
  const planned = await stage.run({ dryRun: true });
  assert.deepEqual(planned.notes, ['the state folder lacks the mapping files of 2 secrets: setup writes them again']);
  assert.equal(stage.mappingStore.files.size, 0);
  const report = await stage.run();
  assert.deepEqual(report.notes, ['the state folder lacked the mapping files of 2 secrets: they are written again']);
  assert.deepEqual([report.changes, report.failures], [[], []]);
  assert.deepEqual([...stage.mappingStore.files].sort(), [...files].sort());
  assert.deepEqual((await stage.run()).notes, []);
});

test('a dry run names each change as exactly what setup then does', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  const cases: readonly (readonly [string, () => void, readonly string[]])[] = [
    [
      'an added key',
      () => (stage.folders['/myapp'] = { A: '1', B: '2', C: '3' }),
      ['create myapp--C', 'write-drop-in myapp.container'],
    ],
    ['a removed key', () => (stage.folders['/myapp'] = { A: '1', B: '2' }), ['write-drop-in myapp.container']],
    [
      'a changed path',
      () => {
        stage.folders['/moved'] = { A: '1', B: '2' };
        stage.target.workloads = [workload('myapp', { path: '/moved' })];
      },
      ['remap myapp--A', 'remap myapp--B'],
    ],
    ['a rotated socket token', () => (stage.target.socketToken = SecretValue.fromText('token-2')), ['write-header']],
    [
      'a changed driver command',
      () =>
        (stage.target.options = driverOptions({
          socket: '/run/psi/psi.sock',
          maxTimeSeconds: 30,
          headerFile: undefined,
          helper: NO_HELPER,
        })),
      ['replace myapp--A', 'replace myapp--B'],
    ],
  ];
  for (const [what, change, expected] of cases) {
    change();
    const writesBefore = stage.registry.writes.length;
    assert.deepEqual(changes(await stage.run({ dryRun: true })), expected, what);
    assert.equal(stage.registry.writes.length, writesBefore, `${what}: a dry run writes nothing`);
    assert.deepEqual(changes(await stage.run()), expected, what);
    assert.deepEqual(changes(await stage.run({ dryRun: true })), [], `${what}: done`);
  }
});

test('a moved mapping keeps its id and costs no write to Podman', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.folders['/new'] = { A: '1' };
  await stage.run();
  const ids = stage.mappings.ids();
  stage.target.workloads = [workload('myapp', { path: '/new' })];
  await stage.run();
  assert.equal(stage.registry.writes.length, 1);
  assert.deepEqual(stage.mappings.ids(), ids);
  assert.equal(stage.mappings.placeOf(ids[0] ?? '')?.path, '/new');
});

test('names a removed key as an orphan that the drop-in no longer has, and leaves it in Podman', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  delete stage.folders['/myapp']['B'];
  const report = await stage.run();
  assert.deepEqual(
    report.orphans.map(({ name }) => name),
    ['myapp--B'],
  );
  assert.doesNotMatch(stage.dropIns.files.get('myapp.container') ?? '', /myapp--B/);
  assert.equal((await stage.registry.list()).length, 2);
});

test('a source that is suddenly empty leaves its workload as it was', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1' };
  stage.folders['/other'] = { B: '1' };
  await stage.run();
  const before = stage.dropIns.files.get('myapp.container');
  stage.folders['/myapp'] = {};
  stage.folders['/other'] = { B: '1', C: '2' };
  const report = await stage.run();
  assert.deepEqual(
    report.failures.map(({ workload: name, code }) => [name, code]),
    [['myapp', 'PLACE_NOT_FOUND']],
  );
  assert.equal(stage.dropIns.files.get('myapp.container'), before);
  assert.deepEqual(changes(report), ['create other--C', 'write-drop-in other.container']);
});

test('a source that never had secrets and is empty fails nothing, and is named', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = {};
  const { failures, problems } = await stage.run();
  assert.deepEqual(failures, []);
  assert.deepEqual(
    problems.map(({ name }) => name),
    ['p:/myapp'],
  );
});

test("one workload's failure does not stop the others", async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/other'] = { B: '1' };
  stage.failures.push(new PsiError('NOT_FOUND', 'no such folder'));
  const report = await stage.run();
  assert.equal(report.failures[0]?.workload, 'myapp');
  assert.deepEqual(changes(report), ['create other--B', 'write-drop-in other.container']);
});

test('waits out a provider that is down, and says so', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.failures.push(new PsiError('PROVIDER_DOWN', 'refused', { retry: 'later' }));
  const run = stage.run();
  await stage.clock.untilSleeping();
  await stage.clock.advance(5_000);
  assert.deepEqual((await run).failures, []);
  assert.ok(stage.events.some((event) => event.event === 'retrying' && event.waitMs === 5_000));
});

test('does not wait for a server that asks to be left alone for longer than five minutes', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.failures.push(new PsiError('THROTTLED', 'limited', { retry: 'later', retryAfterMs: 5 * 60_000 + 1 }));
  assert.equal((await stage.run()).failures[0]?.message, 'limited');
  assert.deepEqual([stage.clock.sleeping, stage.events.some(({ event }) => event === 'retrying')], [0, false]);
});

test('gives up on a provider that stays down after the last pause', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  for (let index = 0; index < 9; index += 1)
    stage.failures.push(new PsiError('PROVIDER_DOWN', 'refused', { retry: 'later' }));
  const run = stage.run();
  for (const pause of [5_000, 10_000, 20_000, 25_000]) await stage.clock.advance(pause);
  assert.equal((await run).failures[0]?.code, 'PROVIDER_DOWN');
  assert.equal(stage.calls.length, 5);
});

const away = (): PsiError =>
  new PsiError('HOST', 'podman did not answer', { retry: 'later', details: { answered: false } });

test('a podman that is away after all tries is not asked again in this run', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  stage.folders['/other'] = { C: '3' };
  for (let times = 0; times < 4; times += 1) stage.registry.failNext('create', away());
  const run = stage.run();
  await stage.clock.advance(7_500);
  const report = await run;
  assert.deepEqual(
    report.failures.map(({ workload, message }) => [workload, message]),
    [
      ['myapp', 'podman did not answer'],
      ['myapp', 'podman did not answer'],
      ['other', 'podman did not answer'],
    ],
  );
  assert.deepEqual([changes(report), stage.registry.writes], [[], []]);
  assert.deepEqual((await stage.run()).failures, []);
});

test('further tries of all changes of a run have one budget', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  const keys = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
  stage.folders['/myapp'] = Object.fromEntries(keys.map((key) => [key, 'x']));
  for (let times = 0; times < 80; times += 1) stage.registry.failNext('create');
  const run = stage.run();
  await stage.clock.advance(20_000);
  assert.equal((await run).failures.length, 20);
});

test('a command that goes away ends the run between two changes, and what was done stays', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2', C: '3' };
  const gone = new AbortController();
  const release = stage.registry.holdNext('create');
  const run = stage.run({}, gone.signal);
  while (!stage.events.some(({ event }) => event === 'applying')) await nextTurn();
  gone.abort(new PsiError('INTERNAL', 'the command went away'));
  release();
  const report = await run;
  // The create that had begun was waited for.
  assert.deepEqual(changes(report), ['create myapp--A']);
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.ended, {
    reason: 'the command went away',
    undone: [{ workload: 'myapp', changes: 2 }],
  });
  assert.deepEqual(await stage.dropIns.list(), []);
  assert.deepEqual((await stage.run()).failures, []);
});

test('asks for names alone where values are refused, reads what is new singly, and names what may not be read', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: null };
  stage.failures.push(new PsiError('PROVIDER_DENIED', 'may not read values'));
  const report = await stage.run();
  assert.deepEqual(changes(report), ['create myapp--A', 'write-drop-in myapp.container']);
  assert.match(report.notes[0] ?? '', /only be listed by name/);
  assert.deepEqual(
    report.problems.map(({ name, reason }) => [name, reason]),
    [['myapp--B', 'the value of B is hidden; it gets no line']],
  );
});

test('a right to read that is lost takes no line out of a drop-in', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  const before = stage.dropIns.files.get('myapp.container');
  stage.folders['/myapp'] = { A: '1', B: null };
  const report = await stage.run();
  assert.deepEqual([changes(report), report.orphans], [[], []]);
  assert.deepEqual(
    report.problems.map(({ name }) => name),
    ['myapp--B'],
  );
  assert.equal(stage.dropIns.files.get('myapp.container'), before);
});

test('lists a place that several workloads share once', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('a', { path: '/shared' }), workload('b', { path: '/shared' })];
  stage.folders['/shared'] = { X: '1' };
  await stage.run();
  assert.deepEqual(stage.calls, ['/shared']);
});

test('leaves the drop-in as it is while a secret could not be registered: the unit would start without it', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  await stage.run();
  const before = stage.dropIns.files.get('myapp.container');
  stage.folders['/myapp'] = { A: '1', B: '2', C: '3' };
  stage.registry.failNext('create', new PsiError('HOST', 'podman refused'));
  const report = await stage.run();
  assert.equal(report.failures.length, 1);
  assert.match(report.notes.join(), /myapp: its drop-in is left as it is until all its secrets are registered/);
  assert.equal(stage.dropIns.files.get('myapp.container'), before);
  await stage.run();
  assert.match(stage.dropIns.files.get('myapp.container') ?? '', /myapp--B[^]*myapp--C/);
});

test('a secret that somebody put in the place of one of its own costs no line, and is named', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  const before = stage.dropIns.files.get('myapp.container');
  await stage.podman.remove('myapp--B');
  await stage.podman.create({
    name: 'myapp--B',
    driver: 'file',
    options: {},
    labels: {},
    body: new Uint8Array([1]),
    replace: false,
  });
  const report = await stage.run();
  assert.equal(stage.dropIns.files.get('myapp.container'), before);
  assert.match(report.problems[0]?.reason ?? '', /that psi did not make \(driver file\); its line stays$/);
});

test('a value that has become too long for a variable costs no line, and its secret is no orphan', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  await stage.run();
  const before = stage.dropIns.files.get('myapp.container');
  stage.folders['/myapp'] = { A: '1', B: 'x'.repeat(200_000) };
  const report = await stage.run();
  assert.deepEqual([report.refused.map(({ key }) => key), report.orphans], [['B'], []]);
  assert.equal(stage.dropIns.files.get('myapp.container'), before);
});

test('a reload that failed is made up for by the next run, which changes nothing else', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.units.failWith = new PsiError('HOST', 'the bus is away');
  assert.equal((await stage.run()).failures.length, 1);
  stage.units.failWith = undefined;
  assert.match((await stage.run({ dryRun: true })).notes.join(), /systemd has yet to read drop-ins/);
  const reloads = stage.units.reloads;
  const report = await stage.run();
  assert.deepEqual([changes(report), report.failures, stage.units.reloads - reloads], [[], [], 1]);
  await stage.run();
  assert.equal(stage.units.reloads - reloads, 1);
});

test('tries again when Podman failed for a moment', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.registry.failNext('create');
  const run = stage.run();
  await stage.clock.untilSleeping();
  await stage.clock.advance(500);
  assert.deepEqual((await run).failures, []);
});

test('makes a secret anew that a failed replace left deleted', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  await stage.run();
  stage.target.options = driverOptions({
    socket: '/run/psi/psi.sock',
    maxTimeSeconds: 30,
    headerFile: undefined,
    helper: NO_HELPER,
  });
  stage.mappingStore.failWith = undefined;
  const [secret] = await stage.registry.list();
  stage.registry.failNext('replace', new PsiError('HOST', 'store failed', { retry: 'later' }));
  const run = stage.run();
  await stage.clock.untilSleeping();
  await stage.podman.remove(secret?.id ?? '');
  await stage.clock.advance(500);
  assert.deepEqual((await run).failures, []);
  assert.deepEqual(
    (await stage.registry.list()).map(({ name, options }) => [name, options['lookup']]),
    [['myapp--A', stage.target.options.lookup]],
  );
});

test('leaves drop-ins out where Podman does not read them, and says why', async () => {
  const stage = await setupStage({ version: '4.3.1' });
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  const report = await stage.run();
  assert.deepEqual(changes(report), ['create myapp--A']);
  assert.match(report.notes[0] ?? '', /podman 4\.3\.1 does not read quadlet drop-ins/);
});

test('removes the drop-in of a workload that left the config, but not in a filtered run', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1' };
  stage.folders['/other'] = { B: '1' };
  await stage.run();
  stage.target.workloads = [workload('myapp')];
  assert.deepEqual(changes(await stage.run({ workload: 'myapp' })), []);
  assert.deepEqual(changes(await stage.run()), ['remove-drop-in other.container']);
});

test('refuses a workload that is not in the config, naming those that are', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  await assert.rejects(stage.run({ workload: 'mapp' }), { code: 'USAGE', hint: /myapp/ });
});

test('refuses hostile names one by one and registers the rest', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = {
    GOOD: '1',
    'EVIL\n[Service]\nExecStart=/bin/sh': '2',
    'A,type=mount': '3',
    'A=B': '4',
    'A B': '5',
  };
  const report = await stage.run();
  assert.deepEqual(changes(report), ['create myapp--GOOD', 'write-drop-in myapp.container']);
  assert.equal(report.refused.length, 4);
  assert.doesNotMatch(stage.dropIns.files.get('myapp.container') ?? '', /Service|mount/);
});

test('a reload that fails is a failure of the run, not of its registrations', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.units.failWith = new PsiError('HOST', 'no bus');
  const report = await stage.run();
  assert.deepEqual([report.failures.map(({ message }) => message), report.changes.length], [['no bus'], 2]);
});

test('reports nothing of a value', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: 'canary-1', 'B C': 'canary-2', BIG: `canary-3${'x'.repeat(200_000)}` };
  const report = await stage.run();
  assert.doesNotMatch(JSON.stringify([report, stage.events, [...stage.dropIns.files]]), /canary/);
});

test('a secret that is gone is asked after once: without a line nothing hangs on it any more', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1', OLD: '2' };
  await stage.run();
  stage.folders['/myapp'] = { A: '1' };
  const first = await stage.run();
  assert.match(first.notes.join(), /myapp--OLD: infisical says that p:\/myapp has no OLD any more/);
  stage.calls.length = 0;
  const second = await stage.run();
  assert.deepEqual([stage.calls, second.notes], [['/myapp'], []]);
  assert.deepEqual(
    second.orphans.map(({ name }) => name),
    ['myapp--OLD'],
  );
});

test('a curl of the host with which something is worse is named, with what', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  stage.hostCurl.saw('curl/8.14.1');
  assert.deepEqual((await stage.run()).notes, []);
  stage.hostCurl.saw('curl/7.74.0');
  assert.match((await stage.run()).notes.join(), /^curl 7\.74\.0 on this host: before 7\.76 /);
});

/** What a boot waits for: the events from the first to `ready`, and how many workloads come after it. */
function untilReady(events: readonly SetupEvent[]): readonly string[] {
  const at = events.findIndex(({ event }) => event === 'ready');
  return events.slice(0, at + 1).flatMap((one) => {
    if (one.event === 'workload') return [one.workload];
    return one.event === 'ready' ? [`ready: ${one.report.outcome}, ${String(one.rest)} to come`] : [];
  });
}

test('a boot is told at once that nothing is lacking, also while nobody answers', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('one'), workload('two')];
  Object.assign(stage.folders, { '/one': { A: '1' }, '/two': { A: '1' } });
  await stage.run();
  stage.events.length = 0;
  stage.failures.push(new PsiError('PROVIDER_DENIED', 'no'), new PsiError('PROVIDER_DENIED', 'no'));
  const report = await stage.run({ boot: true });
  assert.deepEqual(untilReady(stage.events), ['ready: done, 2 to come']);
  assert.equal(report.outcome, 'left');
});

test('what a workload lacks comes first at a boot, and systemd has read it before that is told', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('one'), workload('two'), workload('three')];
  Object.assign(stage.folders, { '/one': { A: '1' }, '/two': { A: '1' }, '/three': { A: '1' } });
  await stage.run();
  stage.target.workloads.push(workload('new'));
  stage.folders['/new'] = { B: '2' };
  await stage.podman.remove('two--A');
  stage.events.length = 0;
  await stage.run({ boot: true });
  assert.deepEqual(untilReady(stage.events), ['two', 'new', 'ready: done, 2 to come']);
  const order = stage.events.flatMap(({ event }) => (event === 'reloading' || event === 'ready' ? [event] : []));
  assert.deepEqual(order, ['reloading', 'ready']);
});

test('a boot is told too that what is lacking cannot be had', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('one'), workload('two')];
  stage.folders['/two'] = { A: '1' };
  stage.failures.push(new PsiError('PROVIDER_DENIED', 'no'), new PsiError('PROVIDER_DENIED', 'no'));
  await stage.run({ boot: true });
  assert.deepEqual(untilReady(stage.events), ['one', 'two', 'ready: failed, 0 to come']);
});

test('a run that is ended names the workloads that it has not begun', async () => {
  const stage = await setupStage();
  stage.target.workloads = [workload('one'), workload('two'), workload('three')];
  Object.assign(stage.folders, { '/one': { A: '1', B: '2' }, '/two': { A: '1' }, '/three': { A: '1' } });
  const ended = new AbortController();
  const release = stage.registry.holdNext('create');
  const run = stage.run({}, ended.signal);
  while (!stage.events.some(({ event }) => event === 'applying')) await nextTurn();
  ended.abort(new PsiError('INTERNAL', 'the command was ended (SIGINT)'));
  release();
  const { ended: told, failures, outcome } = await run;
  assert.deepEqual([failures, outcome], [[], 'failed']);
  assert.deepEqual(told?.undone, [
    { workload: 'one', changes: 1 },
    { workload: 'two', changes: null },
    { workload: 'three', changes: null },
  ]);
  assert.deepEqual(stage.calls, ['/one']);
});
