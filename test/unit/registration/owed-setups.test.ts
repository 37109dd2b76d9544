// What setups leave, and how the service makes up for it by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { OwedSetups } from '../../../src/registration/owed-setups.ts';
import { SetupRuns } from '../../../src/registration/setup-runs.ts';
import type { SetupReport } from '../../../src/registration/setup-events.ts';
import type { SetupRequest } from '../../../src/registration/setup-run.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeSetupDebtStore } from '../../fakes/setup-debt-store.fake.ts';
import { setupStage, workload } from './setup-stage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ALL: SetupRequest = { provider: undefined, workload: undefined, dryRun: false };

async function owedStage(store = new FakeSetupDebtStore()) {
  const stage = await setupStage();
  stage.target.workloads = [workload('one'), workload('two')];
  stage.folders['/one'] = { A: '1' };
  stage.folders['/two'] = { B: '2' };
  const said: string[] = [];
  const requests: SetupRequest[] = [];
  const owed = new OwedSetups({
    store,
    clock: stage.clock,
    random: () => 0,
    firstPauseMs: MINUTE,
    log: {
      left: (items) => said.push(`left ${String(items.length)}`),
      mended: () => said.push('mended'),
      failed: ({ message }) => said.push(message),
      notKept: ({ message }) => said.push(`not kept: ${message}`),
    },
  });
  const at: { config?: PsiError } = {};
  const runs = new SetupRuns({
    patterns: stage.patterns,
    setup: {
      run: (_target, request) => {
        requests.push(request);
        return stage.run(request);
      },
    },
    prune: { run: () => assert.fail('nobody asks for it') },
    replaces: { ranSetup: () => undefined },
    status: { setup: () => undefined, setupFailed: () => undefined },
    mappings: stage.mappings,
    hostNotes: () => Promise.resolve([]),
    owed,
    load: () => {
      if (at.config) return Promise.reject(at.config);
      const target = { ...stage.target, sourceOf: () => stage.source };
      return Promise.resolve({
        target,
        notes: [],
        activate: () => Promise.resolve(),
        settle: () => undefined,
      });
    },
  });
  const run = (over: Partial<SetupRequest> = {}): Promise<SetupReport> =>
    runs.run({ ...ALL, ...over }, () => undefined, new AbortController().signal);
  const start = (): Promise<void> => owed.start((debt, signal) => runs.owed(debt, signal));
  await start();
  return { ...stage, store, owed, runs, run, start, said, requests, at };
}

const refused = (): PsiError => new PsiError('PROVIDER_DENIED', 'may not list');
const failAll = (it: { readonly failures: PsiError[] }, count = 20): void => {
  for (let index = 0; index < count; index += 1) it.failures.push(refused());
};

test('what a setup left is done by the service itself, for the workloads that it concerns alone, and then no more', async () => {
  const it = await owedStage();
  await it.run();
  assert.deepEqual([it.owed.debt, it.clock.sleeping], [undefined, 0]);
  it.folders['/one'] = { A: '1', C: '3' };
  it.failures.push(refused(), refused());
  const report = await it.run();
  assert.equal(report.outcome, 'left');
  assert.equal(report.nextTry, new Date(it.clock.now() + MINUTE).toISOString());
  assert.deepEqual(it.store.debt, { workloads: ['one'] });
  it.requests.length = 0;
  await it.clock.advance(MINUTE);
  assert.deepEqual(
    it.requests.map(({ workloads }) => workloads),
    [['one']],
  );
  assert.match(it.dropIns.files.get('one.container') ?? '', /one--C/);
  assert.deepEqual([it.store.debt, it.owed.next, it.owed.items, it.clock.sleeping], [undefined, undefined, [], 0]);
  assert.deepEqual(it.said, ['left 1', 'mended']);
  await it.clock.advance(24 * HOUR);
  assert.equal(it.requests.length, 1);
});

test('the pauses grow to an hour, and begin anew when somebody runs setup', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it, 100);
  await it.run();
  const pauses: number[] = [];
  for (let index = 0; index < 8; index += 1) {
    const pause = (it.owed.next ?? 0) - it.clock.now();
    pauses.push(pause / MINUTE);
    await it.clock.advance(pause);
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
  await it.run();
  assert.equal((it.owed.next ?? 0) - it.clock.now(), MINUTE);
});

test('what is owed outlives the process, and a run that was ended in its middle is owed', async () => {
  const store = new FakeSetupDebtStore();
  const it = await owedStage(store);
  it.registry.failNext('features', new PsiError('INTERNAL', 'killed'));
  await assert.rejects(it.run(), { code: 'INTERNAL' });
  assert.deepEqual(store.debt, { workloads: undefined });
  const next = await owedStage(store);
  await next.clock.advance(MINUTE);
  assert.deepEqual([...next.dropIns.files.keys()], ['one.container', 'two.container']);
  assert.equal(store.debt, undefined);
});

test('a mistyped name on the command line owes nothing', async () => {
  const it = await owedStage();
  await assert.rejects(it.run({ workload: 'tow' }), { code: 'USAGE' });
  assert.deepEqual([it.store.debt, it.clock.sleeping], [undefined, 0]);
});

test('a dry run owes and settles nothing', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it);
  await it.run({ dryRun: true });
  assert.equal(it.store.debt, undefined);
});

test('a run about one workload settles no more than that', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it, 4);
  await it.run();
  assert.deepEqual(it.store.debt, { workloads: ['one', 'two'] });
  it.failures.length = 0;
  await it.run({ workload: 'one' });
  assert.deepEqual(it.store.debt, { workloads: ['two'] });
  assert.deepEqual(
    it.owed.items.map(({ subject }) => subject),
    ['two'],
  );
});

test('a config that is refused is said once, and changes nothing until it is right', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it, 2);
  await it.run();
  it.failures.length = 0;
  it.at.config = new PsiError('CONFIG_INVALID', 'the config has a problem');
  it.requests.length = 0;
  it.said.length = 0;
  await it.clock.advance(10 * HOUR);
  assert.deepEqual([it.requests, it.said], [[], ['the config has a problem']]);
  delete it.at.config;
  await it.clock.advance(HOUR);
  assert.deepEqual([it.store.debt, it.said.at(-1)], [undefined, 'mended']);
});

test('never while another setup runs', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it, 2);
  await it.run();
  it.failures.length = 0;
  it.folders['/two'] = { B: '2', D: '4' };
  const go = it.registry.holdNext('create');
  it.requests.length = 0;
  const run = it.run();
  await it.clock.advance(HOUR);
  assert.equal(it.requests.length, 1);
  go();
  assert.equal((await run).outcome, 'done');
  assert.deepEqual([it.store.debt, it.clock.sleeping], [undefined, 0]);
});

test('a drop-in that no workload has is named and not tried again: no setup mends a config', async () => {
  const it = await owedStage();
  await it.run();
  it.quadlets.units.add('two.container');
  it.target.workloads = [workload('one')];
  const report = await it.run();
  assert.deepEqual([report.outcome, report.nextTry, it.store.debt], ['left', null, undefined]);
  assert.deepEqual(
    it.owed.items.map(({ subject }) => subject),
    ['two.container'],
  );
});

test('a disk that keeps no debt costs no setup, and is said', async () => {
  const store = new FakeSetupDebtStore();
  store.failWith = new PsiError('HOST', 'disk full');
  const it = await owedStage(store);
  assert.equal((await it.run()).outcome, 'done');
  assert.ok(it.said.includes('not kept: disk full'));
});

test('a service that stops tries nothing any more', async () => {
  const it = await owedStage();
  await it.run();
  failAll(it);
  await it.run();
  it.owed.stop();
  it.requests.length = 0;
  await it.clock.advance(HOUR);
  assert.deepEqual([it.requests, it.clock.sleeping, it.store.debt], [[], 0, { workloads: ['one', 'two'] }]);
});

test('hosts of one provider do not come at the same moment, and none later than the pause', async () => {
  const dues = await Promise.all(
    [0, 0.5, 1].map(async (random) => {
      const clock = new FakeClock();
      const store = new FakeSetupDebtStore();
      store.debt = { workloads: ['one'] };
      const log = { left: nothing, mended: nothing, failed: nothing, notKept: nothing };
      const owed = new OwedSetups({ store, clock, random: () => random, firstPauseMs: MINUTE, log });
      await owed.start(() => Promise.resolve());
      return (owed.next ?? 0) - clock.now();
    }),
  );
  assert.deepEqual(dues, [60_000, 52_500, 45_000]);
});

function nothing(): void {
  // Nobody listens.
}

test('a setup that is under way has left nothing yet, and a killed one would all the same be made up for', async () => {
  const it = await owedStage();
  await it.owed.began({ workloads: undefined });
  assert.deepEqual([it.owed.debt, it.owed.status(), it.store.debt], [undefined, null, { workloads: undefined }]);
  await it.owed.interrupted({ workloads: ['one'] }, refused());
  assert.deepEqual(it.owed.debt, { workloads: ['one'] });
  await it.owed.began({ workloads: ['two'] });
  assert.deepEqual(it.owed.debt, { workloads: ['one'] });
});

test('one that is ended while it waits for its turn says so, and changes neither the status nor what is owed', async () => {
  const it = await owedStage();
  const release = it.registry.holdNext('create');
  const first = it.run();
  const ended = new AbortController();
  const events: string[] = [];
  const second = it.runs.run(ALL, ({ event }) => events.push(event), ended.signal);
  ended.abort(new PsiError('INTERNAL', 'the command was ended (SIGINT)'));
  const { changes, ended: told } = await second;
  assert.deepEqual([changes, told], [[], { reason: 'the command was ended (SIGINT)', undone: [] }]);
  assert.deepEqual(events, ['waiting']);
  release();
  assert.equal((await first).outcome, 'done');
  assert.deepEqual([it.requests.length, it.owed.debt], [1, undefined]);
});
