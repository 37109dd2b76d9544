import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { secretId } from '../../../src/core/naming.ts';
import { Prune } from '../../../src/registration/prune.ts';
import type { PruneReport } from '../../../src/registration/prune-report.ts';
import type { SecretUser } from '../../../src/registration/secret-users.ts';
import { OPTIONS, setupStage, workload, type StageOptions } from './setup-stage.ts';

type Wanted = { readonly workload?: string; readonly apply?: boolean; readonly signal?: AbortSignal };

/** `myapp` and `other` are registered. */
async function pruneStage(options: StageOptions = {}) {
  const stage = await setupStage(options);
  stage.target.workloads = [workload('myapp'), workload('other')];
  stage.folders['/myapp'] = { A: '1', B: '2' };
  stage.folders['/other'] = { C: '3' };
  await stage.run();
  const using: SecretUser[] = [];
  const files = new Set<string>();
  const leftovers = [
    {
      find: () => Promise.resolve([...files]),
      sweep: () => {
        const gone = [...files];
        files.clear();
        return Promise.resolve(gone);
      },
    },
  ];
  const users = { list: () => Promise.resolve(using) };
  const prune = new Prune({ ...stage, users, leftovers });
  const run = (wanted: Wanted = {}): Promise<PruneReport> => {
    const { workloads, ...commands } = stage.target;
    const signal = wanted.signal ?? new AbortController().signal;
    const wish = { workloads, only: wanted.workload };
    const request = { workload: wanted.workload, apply: wanted.apply ?? true };
    return prune.run({ wish, commands, emit: () => undefined, signal }, request);
  };
  const names = async (): Promise<readonly string[]> => (await stage.podman.list()).map(({ name }) => name).sort();
  /** The config has `other` alone from now on. */
  const drop = (): void => {
    stage.target.workloads = [workload('other')];
  };
  return { ...stage, using, files, prune: run, names, drop };
}

const removed = ({ removals }: PruneReport): readonly string[] =>
  removals.map(({ action, target }) => `${action} ${target}`);

const MYAPP = ['remove-drop-in myapp.container', 'remove-secret myapp--A', 'remove-secret myapp--B'];

test('a plan names drop-ins and secrets of a workload that is gone, and changes nothing', async () => {
  const stage = await pruneStage();
  stage.drop();
  const report = await stage.prune({ apply: false });
  assert.deepEqual(removed(report), MYAPP);
  assert.deepEqual([report.applied, report.left, report.failures], [false, [], []]);
  assert.equal((await stage.names()).length, 3);
  assert.ok(stage.dropIns.files.has('myapp.container'));
});

test('what is applied is what was planned; once more there is nothing', async () => {
  const stage = await pruneStage();
  stage.drop();
  const reloads = stage.units.reloads;
  assert.deepEqual(removed(await stage.prune()), MYAPP);
  assert.deepEqual(await stage.names(), ['other--C']);
  assert.deepEqual([...stage.dropIns.files.keys()], ['other.container']);
  assert.equal(stage.mappings.size, 1);
  assert.equal(stage.units.reloads, reloads + 1);
  assert.deepEqual(removed(await stage.prune()), []);
  assert.equal(stage.units.reloads, reloads + 1);
});

test('with the workloads of the config there is nothing to prune', async () => {
  const stage = await pruneStage();
  const report = await stage.prune({ apply: false });
  assert.deepEqual([report.removals, report.left], [[], []]);
});

test("a secret that is not psi's stays, whatever its name, and so does one without a workload", async () => {
  const stage = await pruneStage();
  const body = Buffer.from('{"provider":"infisical","project":"p","path":"/x","key":"K"}');
  await stage.podman.create({ name: 'gone--X', driver: 'file', options: {}, labels: {}, body, replace: false });
  const options = { ...OPTIONS, lookup: 'cat /x', store: 'cat' };
  await stage.podman.create({
    name: 'gone--Y',
    driver: 'shell',
    options,
    labels: { 'psi.workload': 'gone' },
    body,
    replace: false,
  });
  await stage.podman.create({
    name: 'bare',
    driver: 'shell',
    options: OPTIONS,
    labels: {},
    body,
    replace: false,
  });
  stage.drop();
  assert.deepEqual(removed(await stage.prune()), MYAPP);
  assert.deepEqual(await stage.names(), ['bare', 'gone--X', 'gone--Y', 'other--C']);
});

test('the label tells whose a secret is, and the name of one that the config has keeps it too', async () => {
  const stage = await pruneStage();
  const body = Buffer.from('{"provider":"infisical","project":"p","path":"/x","key":"K"}');
  const create = (name: string, label: string): Promise<string> =>
    stage.podman.create({
      name,
      driver: 'shell',
      options: OPTIONS,
      labels: { 'psi.workload': label },
      body,
      replace: false,
    });
  await create('odd', 'gone');
  await create('other--Z', 'gone');
  await create('gone--Z', 'other');
  assert.deepEqual(removed(await stage.prune()), ['remove-secret odd']);
});

test('a unit whose quadlet is there keeps its drop-in and its secrets, and is named with the command that takes them', async () => {
  const stage = await pruneStage();
  stage.quadlets.units.add('myapp.container');
  stage.drop();
  const report = await stage.prune();
  assert.deepEqual([report.removals, report.left.map(({ subject }) => subject)], [[], ['myapp.container']]);
  assert.match(report.left[0]?.hint ?? '', /`podman exec psi psi prune --workload myapp --apply`/);
  assert.deepEqual(removed(await stage.prune({ workload: 'myapp' })), MYAPP);
});

test('secrets of a workload whose quadlet is there stay without a drop-in too', async () => {
  const stage = await pruneStage();
  stage.quadlets.units.add('myapp.container');
  await stage.dropIns.remove('myapp.container');
  stage.drop();
  const report = await stage.prune();
  assert.deepEqual([report.removals, report.left.map(({ subject }) => subject)], [[], ['myapp']]);
});

test('where nobody can tell whether a quadlet is there, everything stays and is named', async () => {
  const stage = await pruneStage();
  stage.quadlets.failWith = new PsiError('HOST', 'systemd is away');
  stage.drop();
  const report = await stage.prune();
  assert.deepEqual(report.removals, []);
  assert.match(report.left[0]?.reason ?? '', /cannot be told: systemd is away/);
});

test('--workload touches nothing of the others, and says when there is nothing of that name', async () => {
  const stage = await pruneStage();
  stage.target.workloads = [];
  stage.files.add('/state/.x.tmp');
  assert.deepEqual(removed(await stage.prune({ workload: 'myapp' })), MYAPP);
  assert.deepEqual(await stage.names(), ['other--C']);
  const none = await stage.prune({ workload: 'mapp' });
  assert.deepEqual(none.notes, ['psi has nothing of a workload mapp; it has something of other']);
});

test('a workload that was renamed in the config loses the secrets of its old name alone', async () => {
  const stage = await pruneStage();
  stage.quadlets.units.add('myapp.container');
  stage.target.workloads = [{ ...workload('renamed', { path: '/myapp' }), unit: 'myapp.container' }, workload('other')];
  await stage.run();
  assert.deepEqual(removed(await stage.prune()), ['remove-secret myapp--A', 'remove-secret myapp--B']);
  assert.deepEqual(await stage.names(), ['other--C', 'renamed--A', 'renamed--B']);
});

test('what a container names stays until the container is gone, by name or by id', async () => {
  const stage = await pruneStage();
  stage.drop();
  const { id = '' } = (await stage.podman.list()).find(({ name }) => name === 'myapp--B') ?? {};
  stage.using.push({ container: 'box', secrets: new Set(['myapp--A']) }, { container: 'old', secrets: new Set([id]) });
  const report = await stage.prune();
  assert.deepEqual(removed(report), ['remove-drop-in myapp.container']);
  assert.deepEqual(
    report.left.map(({ subject, reason }) => [subject, /the container (\w+) names it/.exec(reason)?.[1]]),
    [
      ['myapp--A', 'box'],
      ['myapp--B', 'old'],
    ],
  );
  stage.using.length = 0;
  assert.equal((await stage.prune()).removals.length, 2);
});

test('a container that starts while drop-ins are removed is seen', async () => {
  const stage = await pruneStage();
  stage.drop();
  const reload = stage.units.reload.bind(stage.units);
  stage.units.reload = () => {
    stage.using.push({ container: 'late', secrets: new Set(['myapp--A']) });
    return reload();
  };
  const report = await stage.prune();
  assert.deepEqual(removed(report), ['remove-drop-in myapp.container', 'remove-secret myapp--B']);
  assert.deepEqual(
    report.left.map(({ subject }) => subject),
    ['myapp--A'],
  );
});

test('while systemd cannot read its units again, no secret goes; the next run does the rest', async () => {
  const stage = await pruneStage();
  stage.drop();
  stage.units.failWith = new PsiError('HOST', 'systemd is away');
  stage.quadlets.find = () => Promise.resolve(undefined);
  const report = await stage.prune();
  assert.deepEqual(removed(report), ['remove-drop-in myapp.container']);
  assert.equal(report.failures[0]?.message, 'systemd is away');
  assert.equal((await stage.names()).length, 3);
  stage.units.failWith = undefined;
  assert.deepEqual(removed(await stage.prune()), ['remove-secret myapp--A', 'remove-secret myapp--B']);
});

test("a drop-in that cannot be removed keeps its secrets, and somebody else's in its place too", async () => {
  const stage = await pruneStage();
  stage.drop();
  stage.dropIns.failWith.set('myapp.container', new PsiError('HOST', 'read-only file system'));
  const report = await stage.prune();
  assert.deepEqual([removed(report), report.failures.map(({ message }) => message)], [[], ['read-only file system']]);
  assert.equal((await stage.names()).length, 3);
});

test('one secret that podman does not remove stops none of the others, and a run that is ended goes on where it was', async () => {
  const stage = await pruneStage();
  stage.drop();
  stage.registry.failNext('remove');
  const report = await stage.prune();
  assert.deepEqual(removed(report), ['remove-drop-in myapp.container', 'remove-secret myapp--B']);
  assert.equal(report.failures.length, 1);
  const gone = new AbortController();
  gone.abort(new PsiError('INTERNAL', 'the command went away'));
  await assert.rejects(stage.prune({ signal: gone.signal }), /went away/);
  assert.deepEqual(removed(await stage.prune()), ['remove-secret myapp--A']);
});

test('a secret whose delete command asks a socket that is no more gets the commands of now, and goes', async () => {
  const stage = await pruneStage();
  const asked: string[] = [];
  const { driver } = stage.podman;
  Object.assign(stage.podman, {
    driver: {
      ...driver,
      delete: (id: string, options: Readonly<Record<string, string>>) => {
        asked.push(options['delete'] ?? '');
        return asked.length === 1 ? Promise.reject(new Error('exit status 7')) : driver.delete(id, options);
      },
    },
  });
  stage.drop();
  stage.target.options = { ...OPTIONS, delete: `${OPTIONS.delete} # of now` };
  const report = await stage.prune();
  assert.deepEqual([report.failures, await stage.names()], [[], ['other--C']]);
  assert.ok(asked[1]?.endsWith('# of now'));
});

test('mappings of secrets that podman does not have go, but for one that a container has by its id', async () => {
  const stage = await pruneStage();
  const mapping = { provider: 'infisical', project: 'p', path: '/x', key: 'K' };
  const [lost, old] = ['a'.repeat(25), 'b'.repeat(25)];
  await stage.mappings.put(secretId(lost), mapping);
  await stage.mappings.put(secretId(old), mapping);
  stage.using.push({ container: 'old', secrets: new Set([old]) });
  stage.files.add('/state/.driver.hdr.0123456789ab.tmp');
  const plan = ['remove-mapping '.concat(lost), 'remove-file /state/.driver.hdr.0123456789ab.tmp'];
  assert.deepEqual(removed(await stage.prune({ apply: false })), plan);
  assert.deepEqual(removed(await stage.prune()), plan);
  assert.deepEqual(removed(await stage.prune()), []);
  assert.ok(stage.mappings.get(old));
});

test('without drop-ins (podman before 5.0) those of workloads that the config has stay, and those of others go', async () => {
  const stage = await pruneStage({ version: '4.9.4' });
  stage.drop();
  assert.deepEqual(removed(await stage.prune()), MYAPP.slice(1));
  assert.deepEqual(await stage.names(), ['other--C']);
});

test('setup names the secrets of workloads that left the config as orphans, and those that a unit still names not', async () => {
  const stage = await pruneStage();
  stage.drop();
  const orphans = (await stage.run()).orphans;
  assert.deepEqual(
    orphans.map(({ name, gone }) => [name, gone]),
    [
      ['myapp--A', true],
      ['myapp--B', true],
    ],
  );
});

test('what this host alone has is not taken away, whatever workload its name looks like, and whether Podman has it', async () => {
  const stage = await pruneStage();
  const [ofName, alone] = [secretId('c'.repeat(25)), secretId('d'.repeat(25))];
  const id = await stage.podman.create({
    ...{ name: 'gone--TOKEN', driver: 'shell', options: OPTIONS, labels: {}, replace: false },
    body: Buffer.from('{"provider":"infisical","project":"p","path":"/x","key":"K"}'),
  });
  await stage.mappings.put(secretId(id), { provider: 'sealed', name: `podman.${id}` });
  await stage.mappings.put(ofName, { provider: 'sealed', name: 'db' });
  await stage.mappings.put(alone, { provider: 'nitrokeyhsm', blob: 'AQA=' });
  assert.deepEqual(removed(await stage.prune()), []);
  assert.ok([secretId(id), ofName, alone].every((one) => stage.mappings.isOwn(one)));
  // Nor does a setup call it an orphan, or make one of a workload's secrets of it.
  assert.deepEqual((await stage.run()).orphans, []);
  stage.target.workloads = [...stage.target.workloads, workload('gone')];
  stage.folders['/gone'] = { TOKEN: 'of the provider' };
  const { problems } = await stage.run();
  assert.deepEqual(
    problems.map(({ name }) => name),
    ['gone--TOKEN'],
  );
  assert.ok(stage.mappings.isOwn(id));
});
