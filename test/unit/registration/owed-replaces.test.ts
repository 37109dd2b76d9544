// What the service replaces by itself: when, one after another, and what it says of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { OwedReplaces } from '../../../src/registration/owed-replaces.ts';
import { PodmanKilled } from '../../fakes/podman.fake.ts';
import { FakeReplaceDebt } from '../../fakes/replace-debt.fake.ts';
import { INPUT, OPTIONS, setupStage, workload } from './setup-stage.ts';

const MINUTE = 60_000;
const LATER = driverOptions({ ...INPUT, maxTimeSeconds: 40 });

async function owedStage(options: { readonly version?: string; readonly debt?: FakeReplaceDebt } = {}) {
  const stage = await setupStage(options);
  stage.target.workloads = [workload('app')];
  stage.folders['/app'] = { A: '1', B: '2', C: '3' };
  await stage.run();
  stage.target.options = LATER;
  const said: string[] = [];
  const at = { lookups: 0, config: true, turns: 0 };
  const owed = new OwedReplaces({
    registry: stage.registry,
    mappings: stage.mappings,
    replaces: stage.replaces,
    clock: stage.clock,
    target: () => (at.config ? stage.target : undefined),
    alone: async (work) => {
      at.turns += 1;
      return work();
    },
    lookups: () => at.lookups,
    firstPauseMs: 3 * MINUTE,
    log: {
      begins: (count) => said.push(`begins ${String(count)}`),
      done: (count) => said.push(`done ${String(count)}`),
      madeAgain: (names) => said.push(`made again ${names.join(' ')}`),
      failed: ({ message }) => said.push(message),
    },
  });
  const moved = async (): Promise<number> =>
    (await stage.podman.list()).filter(({ options: { lookup } }) => lookup === LATER.lookup).length;
  return { ...stage, owed, said, at, moved };
}

test('nothing is asked of podman before its time, and then one secret after another is replaced', async () => {
  const { owed, clock, registry, moved, said, at } = await owedStage();
  const writes = registry.writes.length;
  owed.start();
  await clock.advance(3 * MINUTE - 1);
  assert.deepEqual([registry.writes.length, await moved(), owed.status()], [writes, 0, null]);
  await clock.advance(1);
  assert.deepEqual([said, owed.status()], [['begins 3'], { secrets: 3, next: null, byHand: false }]);
  for (const count of [1, 2, 3]) {
    await clock.advance(499);
    assert.equal(await moved(), count - 1, 'podman has its pause');
    await clock.advance(251);
    assert.equal(await moved(), count);
  }
  assert.deepEqual([said, owed.status(), at.turns, owed.problems()], [['begins 3', 'done 3'], null, 3, []]);
  await clock.advance(600 * MINUTE);
  assert.equal(registry.writes.length, writes + 3);
});

test('it waits for lookups to end, and not for ever', async () => {
  const { owed, clock, moved, at } = await owedStage();
  owed.start();
  await clock.advance(3 * MINUTE + 500);
  for (let waited = 0; waited < 1750; waited += 250) {
    at.lookups += 1;
    await clock.advance(250);
    assert.equal(await moved(), 0);
  }
  at.lookups += 1;
  await clock.advance(250);
  assert.equal(await moved(), 1);
});

test('the status counts what is left before its time too, and asks podman once for it', async () => {
  const { owed, podman, registry } = await owedStage();
  owed.start();
  await owed.look();
  assert.deepEqual(owed.status(), { secrets: 3, next: '2026-01-01T00:03:00.000Z', byHand: false });
  registry.failNext('list');
  await owed.look();
  assert.equal(owed.status()?.secrets, 3);
  const own = (await podman.list()).map(({ options }) => options['lookup']);
  assert.deepEqual(new Set(own), new Set([OPTIONS.lookup]));
});

test('what is of others, equal or without a mapping stays, and a lost one is named with the command', async () => {
  const stage = await owedStage();
  const { owed, clock, podman, mappings } = stage;
  const body = new TextEncoder().encode('{"provider":"infisical","project":"p","path":"/x","key":"K"}');
  const theirs = { ...OPTIONS, lookup: 'cat /x', store: 'cat' };
  const create = (name: string, options: Readonly<Record<string, string>>): Promise<string> =>
    podman.create({ name, driver: 'shell', options, labels: {}, body, replace: false });
  const elsewhere = driverOptions({ ...INPUT, socket: '/run/second/psi.sock' });
  const ids = [
    await create('theirs', theirs),
    await create('app--NOW', LATER),
    await create('second--A', elsewhere),
    await create('gone--A', OPTIONS),
    ...(await podman.list()).filter(({ name }) => name === 'app--A').map(({ id }) => id),
  ];
  for (const id of ids.slice(2)) await mappings.remove(mappings.ids().find((one) => one === id) ?? assert.fail());
  owed.start();
  await clock.advance(4 * MINUTE);
  assert.deepEqual(
    (await podman.list())
      .filter(({ id }) => ids.includes(id))
      .map(({ name }) => name)
      .sort(),
    ['app--A', 'app--NOW', 'gone--A', 'second--A', 'theirs'],
  );
  assert.deepEqual(owed.status(), null);
  assert.deepEqual(
    owed
      .problems()
      .map(({ severity, message, hint }) => [severity, message.split(':')[0], /`(.*?)`/.exec(hint ?? '')?.[1]]),
    [
      ['error', 'the mapping is lost of app--A', 'podman exec psi psi setup'],
      ['error', 'the mapping is lost of gone--A', 'podman exec psi psi prune'],
    ],
  );
});

test('what a kill left gone is created again at once after the start, however far off the replaces are', async () => {
  const stage = await owedStage();
  const { owed, clock, podman, said } = stage;
  podman.onReplace = (step) => (step === 'deleted' ? Promise.reject(new PodmanKilled()) : Promise.resolve());
  const [current] = await stage.registry.list();
  assert.ok(current);
  const mapping = stage.mappings.get(current.id) ?? assert.fail();
  await assert.rejects(stage.replaces.replace({ current, mapping, workload: 'app' }, stage.target));
  podman.onReplace = () => Promise.resolve();
  stage.registry.failNext('list');
  owed.start();
  await clock.advance(0);
  assert.equal((await podman.list()).length, 2);
  assert.match(owed.problems()[0]?.message ?? '', /^podman may have lost app--A in the middle of a replace: /);
  await clock.advance(5_000);
  assert.equal((await podman.list()).length, 3);
  assert.deepEqual([said.at(-1), owed.problems()], ['made again app--A', []]);
  assert.equal(await stage.moved(), 1);
  await clock.advance(3 * MINUTE);
  assert.equal(await stage.moved(), 3);
});

test('a secret that cannot be replaced keeps no other from it, is named, and is tried again', async () => {
  const { owed, clock, registry, moved, said } = await owedStage();
  registry.failNext('replace', new PsiError('HOST', 'podman could not replace app--A: no', { hint: 'look there' }));
  owed.start();
  await clock.advance(3 * MINUTE + 3_000);
  assert.equal(await moved(), 2);
  const [problem, ...others] = owed.problems();
  assert.deepEqual([problem?.severity, problem?.subject, others], ['error', 'app', []]);
  assert.match(problem?.message ?? '', /^app--A keeps the driver commands of before: podman could not replace/);
  assert.match(problem?.hint ?? '', /^look there; .*`podman exec psi psi setup`$/);
  assert.equal(owed.status()?.secrets, 1);
  await clock.advance(6_000);
  assert.deepEqual([await moved(), owed.problems(), owed.status()], [3, [], null]);
  assert.deepEqual(said.slice(-2), ['begins 1', 'done 1']);
});

test('a podman that is away is no problem where nothing is known to be owed, and is said once', async () => {
  const { owed, clock, registry, moved, said } = await owedStage();
  for (let times = 0; times < 3; times += 1) registry.failNext('list', new PsiError('HOST', 'nobody answers'));
  owed.start();
  await clock.advance(3 * MINUTE + 16_000);
  assert.deepEqual(owed.problems(), []);
  assert.deepEqual(said, ['whether secrets have the driver commands of before cannot be told: nobody answers']);
  await clock.advance(30_000);
  assert.equal(await moved(), 3);
});

test('a setup ends the round, and the service looks again later; a stop ends all of it', async () => {
  const { owed, clock, moved, run, registry } = await owedStage();
  owed.start();
  await clock.advance(3 * MINUTE + 750);
  assert.equal(await moved(), 1);
  await run();
  owed.ranSetup();
  await clock.advance(10_000);
  assert.equal(await moved(), 3);
  const writes = registry.writes.length;
  await clock.advance(10 * MINUTE);
  assert.equal(registry.writes.length, writes);
  owed.stop();
  owed.ranSetup();
  await clock.advance(10 * MINUTE);
  assert.equal(clock.sleeping, 0);
});

test('without a config nothing is replaced, and an older podman is left to a setup', async () => {
  const without = await owedStage();
  without.at.config = false;
  without.owed.start();
  await without.clock.advance(10 * MINUTE);
  assert.equal(await without.moved(), 0);
  without.at.config = true;
  await without.clock.advance(11 * MINUTE);
  assert.equal(await without.moved(), 3);
  const old = await owedStage({ version: '4.3.1' });
  old.owed.start();
  await old.clock.advance(60 * MINUTE);
  assert.deepEqual([await old.moved(), old.owed.status()], [0, { secrets: 3, next: null, byHand: true }]);
});

test('the setup of a boot, and one of the service itself, leave the replaces to it', async () => {
  for (const request of [{ boot: true }, { once: true }] as const) {
    const { run, moved } = await owedStage();
    const report = await run(request);
    assert.deepEqual([report.outcome, report.changes, report.kept, await moved()], ['done', [], 3, 0]);
    assert.match(report.notes.join('\n'), /app: 3 secrets keep their driver commands of before for now/);
    const dry = await run({ dryRun: true });
    assert.deepEqual(
      dry.changes.map(({ action, target, reason }) => [action, target, reason]),
      ['A', 'B', 'C'].map((key) => ['replace', `app--${key}`, 'they wait 40 s, and waited 20']),
    );
  }
});
