// A secret that is replaced is never lost: what it takes to create it again is kept until Podman has confirmed the new one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { secretId } from '../../../src/core/naming.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { MOST_UNFINISHED } from '../../../src/registration/replace-debt.ts';
import type { CommandsOfNow, ToReplace } from '../../../src/registration/replaces.ts';
import { PodmanKilled, REPLACE_STEPS } from '../../fakes/podman.fake.ts';
import { FakeReplaceDebt } from '../../fakes/replace-debt.fake.ts';
import { INPUT, setupStage, workload } from './setup-stage.ts';

const NOW: CommandsOfNow = { options: driverOptions({ ...INPUT, maxTimeSeconds: 40 }), socketToken: undefined };

async function registered(debt = new FakeReplaceDebt()) {
  const stage = await setupStage({ debt });
  stage.target.workloads = [workload('app')];
  stage.folders['/app'] = { A: '1', B: '2' };
  await stage.run();
  const one = async (): Promise<ToReplace> => {
    const [current] = await stage.registry.list();
    assert.ok(current);
    const mapping = stage.mappings.get(current.id);
    assert.ok(mapping);
    return { current, mapping, workload: 'app' };
  };
  const held = async (): Promise<readonly unknown[]> => {
    const listed = await stage.registry.list();
    return listed.map(({ id, name, workload: label }) => [name, label, stage.mappings.placeOf(id)?.key]).sort();
  };
  return { ...stage, one, held };
}

const WHOLE = [
  ['app--A', 'app', 'A'],
  ['app--B', 'app', 'B'],
];

test('what is owed is on disk before podman is asked, and off it when the new secret is there', async () => {
  const stage = await registered();
  const one = await stage.one();
  const seen: unknown[] = [];
  stage.podman.onReplace = (step) => {
    seen.push([step, stage.debt.unfinished.map(({ name, id }) => [name, id === one.current.id])]);
    assert.equal(stage.mappings.placeOf(one.current.id)?.key, 'A', `${step}: starts still find it`);
    return Promise.resolve();
  };
  const id = await stage.replaces.replace(one, NOW);
  assert.deepEqual(
    seen,
    REPLACE_STEPS.map((step) => [step, [['app--A', true]]]),
  );
  assert.deepEqual([stage.debt.unfinished, stage.replaces.unfinished], [[], []]);
  assert.notEqual(id, one.current.id);
  assert.equal(stage.mappings.get(one.current.id), undefined, 'the mapping of before has gone with its id');
  assert.equal(stage.mappings.nameOf(id), 'app--A');
  assert.deepEqual(await stage.held(), WHOLE);
});

for (const step of REPLACE_STEPS) {
  test(`after a kill of Podman, once it was ${step}, the next process has the secret whole`, async () => {
    const stage = await registered();
    stage.podman.onReplace = (at) => (at === step ? Promise.reject(new PodmanKilled()) : Promise.resolve());
    await assert.rejects(stage.replaces.replace(await stage.one(), NOW));
    stage.podman.onReplace = () => Promise.resolve();
    const before = await stage.registry.list();
    const { made, failed } = await stage.replaces.finish(NOW);
    assert.deepEqual([made, failed], [before.length === 2 ? [] : ['app--A'], []]);
    assert.deepEqual(await stage.held(), WHOLE);
    assert.deepEqual(stage.debt.unfinished, []);
    const again = stage.registry.writes.length;
    assert.deepEqual(await stage.replaces.finish(NOW), { made: [], failed: [] });
    assert.equal(stage.registry.writes.length, again);
  });
}

test('a mapping that is missing beside a secret which is there is put back', async () => {
  const stage = await registered();
  const { current, mapping } = await stage.one();
  stage.podman.onReplace = () => Promise.reject(new PodmanKilled());
  await assert.rejects(stage.replaces.replace({ current, mapping, workload: 'app' }, NOW));
  // As an earlier PSI does that Podman asks to delete it.
  await stage.mappings.remove(secretId(current.id));
  assert.deepEqual(await stage.replaces.finish(NOW), { made: [], failed: [] });
  assert.deepEqual([await stage.held(), stage.debt.unfinished], [WHOLE, []]);
});

test('the next process knows what is owed, and keeps its mapping too', async () => {
  const debt = new FakeReplaceDebt();
  const { current, mapping } = await (await registered()).one();
  debt.unfinished = [{ name: current.name, id: current.id, mapping, workload: 'app' }];
  const { replaces } = await setupStage({ debt });
  assert.deepEqual([replaces.unfinished, replaces.holds(current.id), replaces.holds('aa')], [['app--A'], true, false]);
});

test('no replace is begun that could not be finished', async () => {
  const stage = await registered();
  const one = await stage.one();
  const full = new PsiError('HOST', 'cannot note the secret: ENOSPC');
  const writes = stage.registry.writes.length;
  stage.debt.failWith = full;
  await assert.rejects(stage.replaces.replace(one, NOW), full);
  stage.debt.failWith = undefined;
  stage.reach.problem = new PsiError('HOST', 'somebody else answers on the socket');
  await assert.rejects(stage.replaces.replace(one, NOW), stage.reach.problem);
  stage.reach.problem = undefined;
  assert.equal(stage.registry.writes.length, writes);
  assert.deepEqual([stage.debt.unfinished, stage.replaces.unfinished], [[], []]);
  await stage.replaces.replace(one, { ...NOW, socketToken: SecretValue.fromText('token') });
  assert.ok(await stage.headerFile.holds(SecretValue.fromText('token')), 'the token is where its commands look');
});

test('a further one is refused once so many are not confirmed', async () => {
  const stage = await registered();
  const one = await stage.one();
  for (let index = 0; index < MOST_UNFINISHED; index += 1) {
    stage.registry.failNext('replace');
    const current = { ...one.current, name: `x--${String(index)}` };
    await assert.rejects(stage.replaces.replace({ ...one, current }, NOW), { message: /request of the test/ });
  }
  await assert.rejects(stage.replaces.replace(one, NOW), { message: /has not confirmed 100 replaces/ });
});

test('the name that somebody else took meanwhile is theirs', async () => {
  const stage = await registered();
  const one = await stage.one();
  stage.podman.onReplace = (at) => (at === 'deleted' ? Promise.reject(new PodmanKilled()) : Promise.resolve());
  await assert.rejects(stage.replaces.replace(one, NOW));
  const body = new Uint8Array([1]);
  await stage.podman.create({ name: 'app--A', driver: 'file', options: {}, labels: {}, body, replace: false });
  assert.deepEqual(await stage.replaces.finish(NOW), { made: [], failed: [] });
  assert.deepEqual((await stage.podman.list()).find(({ name }) => name === 'app--A')?.driver, 'file');
  assert.deepEqual(stage.debt.unfinished, []);
});

test('one that cannot be created again is named, stays owed, and keeps no other from it', async () => {
  const stage = await registered();
  for (const secret of await stage.registry.list()) {
    const mapping = stage.mappings.get(secret.id);
    assert.ok(mapping);
    stage.podman.onReplace = (at) => (at === 'deleted' ? Promise.reject(new PodmanKilled()) : Promise.resolve());
    await assert.rejects(stage.replaces.replace({ current: secret, mapping, workload: 'app' }, NOW));
  }
  stage.podman.onReplace = () => Promise.resolve();
  stage.registry.failNext('create', new PsiError('HOST', 'the disk is full', { hint: 'free space' }));
  const { made, failed } = await stage.replaces.finish(NOW);
  assert.deepEqual(made, ['app--B']);
  const [first, ...others] = failed;
  assert.deepEqual([first?.workload, others], ['app', []]);
  assert.match(first?.message ?? '', /podman lost app--A in the middle of a replace: the disk is full/);
  assert.match(first?.hint ?? '', /podman exec psi psi setup.*free space/);
  assert.deepEqual(stage.replaces.unfinished, ['app--A']);
});

test('a setup finishes first, though it is about another workload and no source answers', async () => {
  const stage = await registered();
  stage.podman.onReplace = (at) => (at === 'deleted' ? Promise.reject(new PodmanKilled()) : Promise.resolve());
  await assert.rejects(stage.replaces.replace(await stage.one(), NOW));
  stage.podman.onReplace = () => Promise.resolve();
  const dry = await stage.run({ dryRun: true });
  assert.match(dry.notes.join('\n'), /replaces were cut short: .* app--A/);
  assert.equal((await stage.registry.list()).length, 1);
  stage.target.workloads = [...stage.target.workloads, workload('other')];
  stage.failures.push(new PsiError('PROVIDER_DENIED', 'no'));
  const { notes } = await stage.run({ workload: 'other' });
  assert.match(notes.join('\n'), /podman had lost in the middle of a replace, and has again: app--A/);
  assert.deepEqual(await stage.held(), WHOLE);
});

test('a file that cannot be read is a problem until a setup of all there is', async () => {
  const debt = new FakeReplaceDebt();
  debt.failWith = new PsiError('HOST', 'the file replace.owed does not hold what psi writes there');
  const stage = await setupStage({ debt });
  assert.equal(stage.replaces.unread, debt.failWith);
  debt.failWith = undefined;
  stage.target.workloads = [workload('app')];
  stage.folders['/app'] = { A: '1' };
  await stage.run({ workload: 'app' });
  assert.ok(stage.replaces.unread);
  const { notes } = await stage.run();
  assert.match(notes.join('\n'), /does not hold what psi writes there/);
  assert.equal(stage.replaces.unread, undefined);
});
