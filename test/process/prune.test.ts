// What is left of workloads that are gone: named by setup, shown and removed by `psi prune`, and nothing else. By commands, sockets and files.

import assert from 'node:assert/strict';
import { access, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { DriverFace } from '../fakes/podman.fake.ts';
import { ask } from '../hosts/psi-process.ts';
import type { AtEnd } from '../hosts/at-end.ts';
import { said, stage, type Observed, type StageOptions } from './observed/stage.ts';

const APP = [{ project: 'main', path: '/app' }];
const FOLDERS = { '/app': { A: 'value a', B: 'value b' }, '/web': { C: 'value c' } };
const OTHERS_DROP_IN = '[Container]\nEnvironment=X=1\n';

function workloadsOf(...names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.map((name) => [name, { secrets: [{ project: 'main', path: `/${name}` }] }]));
}

function configure(it: Observed, ...names: readonly string[]): Promise<void> {
  return it.psi.writeConfig({ ...it.options, workloads: workloadsOf(...names) });
}

/** `app` and `web` are registered, beside a secret and a drop-in of somebody else. */
async function registered(t: AtEnd, options: StageOptions = {}): Promise<Observed> {
  // No quadlet keeps what its workload had.
  const it = await stage(t, { quadlet: false, folders: FOLDERS, secrets: APP, ...options });
  await configure(it, 'app', 'web');
  await it.registered();
  const body = new Uint8Array([1]);
  await it.podman.create({ name: 'app--FOREIGN', driver: 'file', options: {}, labels: {}, body, replace: false });
  await writeFile(join(it.psi.systemdDir, 'app.container.d/60-local.conf'), OTHERS_DROP_IN);
  return it;
}

const secrets = async (it: Observed): Promise<readonly string[]> =>
  (await it.podman.list()).map(({ name }) => name).sort();

const mappings = async (it: Observed): Promise<number> =>
  (await readdir(it.psi.stateDir)).filter((name) => /^[0-9a-f]{25}$/.test(name)).length;

async function othersThingsStay(it: Observed): Promise<void> {
  assert.equal(await readFile(join(it.psi.systemdDir, 'app.container.d/60-local.conf'), 'utf8'), OTHERS_DROP_IN);
  assert.ok((await secrets(it)).includes('app--FOREIGN'));
}

test('a workload that left the config: setup names its secrets, prune shows them, and with --apply they are gone', async (t) => {
  const it = await registered(t);
  await configure(it, 'web');
  const setup = await it.setup();
  for (const key of ['A', 'B']) {
    assert.match(setup.stdout, new RegExp(`^orphan app--${key}: .*\`podman exec psi psi prune\``, 'm'), said(setup));
  }
  const plan = await it.psi.cli('prune');
  assert.equal(plan.code, 3, said(plan));
  assert.match(plan.stdout, /^would remove secret app--A \(of app\)$/m);
  assert.match(plan.stdout, /^2 to remove; do it: `podman exec psi psi prune --apply`$/m);
  assert.equal((await secrets(it)).length, 4);
  const applied = await it.psi.cli('prune', '--apply');
  assert.equal(applied.code, 0, said(applied));
  assert.deepEqual(await secrets(it), ['app--FOREIGN', 'web--C']);
  assert.equal(await mappings(it), 1);
  await othersThingsStay(it);
  const again = await it.psi.cli('prune', '--json');
  assert.deepEqual(
    [again.code, JSON.parse(again.stdout)],
    [
      0,
      {
        format: 1,
        command: 'prune',
        exit: 0,
        result: { applied: false, removals: [], left: [], failures: [], notes: [] },
        failure: null,
      },
    ],
  );
  assert.doesNotMatch((await it.setup()).stdout, /orphan/);
});

test('prune takes drop-ins away too, without a setup before it', async (t) => {
  const it = await registered(t);
  await configure(it, 'web');
  const applied = await it.psi.cli('prune', '--apply');
  assert.equal(applied.code, 0, said(applied));
  assert.match(applied.stdout, /^removed drop-in of app\.container$/m);
  assert.deepEqual(await it.targets(), []);
  await othersThingsStay(it);
});

test('a quadlet that is there keeps everything, until its workload is named', async (t) => {
  const it = await registered(t);
  await writeFile(join(it.psi.systemdDir, 'app.container'), '[Container]\nImage=x\n');
  await configure(it, 'web');
  const left = await it.psi.cli('prune', '--apply');
  assert.equal(left.code, 4, said(left));
  assert.match(left.stderr, /^left: app\.container: .*app\.container is there/m);
  assert.deepEqual(await it.targets(), ['A', 'B']);
  const [, hinted = ''] = /`podman exec psi psi (prune [^`]+)`/.exec(left.stderr) ?? [];
  assert.equal(hinted, 'prune --workload app --apply');
  const pruned = await it.psi.cli(...hinted.split(' '));
  assert.equal(pruned.code, 0, said(pruned));
  assert.deepEqual([await it.targets(), await secrets(it)], [[], ['app--FOREIGN', 'web--C']]);
});

test('what a container names stays: as a file, and as a variable, which only its command tells', async (t) => {
  const it = await registered(t);
  await configure(it, 'web');
  const { id = '' } = (await it.podman.list()).find(({ name }) => name === 'app--A') ?? {};
  const command = ['podman', 'run', '--secret', 'app--B,type=env,target=B', 'image'];
  it.podman.containers.push(
    { id: 'a'.repeat(64), name: 'file-box', secrets: [{ name: 'app--A', id }], command: [] },
    { id: 'b'.repeat(64), name: 'env-box', secrets: [], command },
  );
  const left = await it.psi.cli('prune', '--apply');
  assert.equal(left.code, 4, said(left));
  assert.match(left.stderr, /^left: app--A: the container file-box names it/m);
  assert.match(left.stderr, /^left: app--B: the container env-box names it/m);
  for (const key of ['A', 'B']) assert.equal((await it.lookup(key)).ok, true);
  it.podman.containers.length = 0;
  assert.equal((await it.psi.cli('prune', '--apply')).code, 0);
  assert.deepEqual(await secrets(it), ['app--FOREIGN', 'web--C']);
});

test('what killed writes left is shown and removed, and a write of now is not', async (t) => {
  const it = await registered(t);
  const mapping = JSON.stringify({ provider: 'infisical', project: 'main', path: '/app', key: 'A' });
  const lost = 'c'.repeat(25);
  assert.equal((await ask(it.psi.socket, 'POST', `/store/${lost}`, mapping)).status, 200);
  const temporary = [
    join(it.psi.stateDir, `.${lost}.0123456789ab.tmp`),
    join(it.psi.systemdDir, 'app.container.d/.50-secrets.conf.0123456789ab.tmp'),
  ];
  const young = join(it.psi.stateDir, '.driver.hdr.0123456789ab.tmp');
  for (const path of [...temporary, young]) await writeFile(path, 'half');
  for (const path of temporary) await utimes(path, 1_000_000, 1_000_000);
  const plan = await it.psi.cli('prune');
  assert.equal(plan.code, 3, said(plan));
  for (const what of [lost, ...temporary]) assert.ok(plan.stdout.includes(what), said(plan));
  assert.ok(!plan.stdout.includes(young));
  assert.equal((await it.psi.cli('prune', '--apply')).code, 0);
  for (const path of [...temporary, join(it.psi.stateDir, lost)]) await assert.rejects(access(path));
  await access(young);
  assert.equal((await it.psi.cli('prune')).code, 0);
});

test('a refused config stops it, and so does a workload that the config has', async (t) => {
  const it = await registered(t);
  const used = await it.psi.cli('prune', '--workload', 'app', '--apply');
  assert.equal(used.code, 64, said(used));
  assert.match(used.stderr, /the config has the workload app/);
  await it.psi.writeConfig({ ...it.options, file: 'workloads: [' });
  const refused = await it.psi.cli('prune', '--apply');
  assert.equal(refused.code, 78, said(refused));
  assert.equal((await secrets(it)).length, 4);
});

/** Podman's commands; `onDelete` runs with the count of the delete, and what does the delete. */
function driverOf(
  it: () => Observed,
  onDelete: (count: number, work: () => Promise<void>) => Promise<void>,
): DriverFace {
  let count = 0;
  const call = async (method: string, path: string, body?: Uint8Array): Promise<void> => {
    const { status } = await ask(it().psi.socket, method, path, body);
    if (status !== 200) throw new Error(`${method} ${path}: ${String(status)}`);
  };
  return {
    store: (id, body) => call('POST', `/store/${id}`, body),
    delete: (id) => onDelete((count += 1), () => call('DELETE', `/delete/${id}`)),
  };
}

for (const when of ['before', 'after'] as const) {
  test(`killed ${when} the answer to a delete and run again, it ends well`, async (t) => {
    const at: { it?: Observed } = {};
    const there = (): Observed => at.it ?? assert.fail('asked before it is there');
    const driver = driverOf(there, async (count, work) => {
      if (count === 2 && when === 'before') await there().psi.kill();
      await work();
      if (count === 2) await there().psi.kill();
    });
    const it = await stage(t, { quadlet: false, folders: FOLDERS, secrets: APP, driver });
    at.it = it;
    await configure(it, 'app', 'web');
    await it.registered();
    await configure(it, 'web');
    const cut = await it.psi.cli('prune', '--apply');
    assert.equal(cut.code, 69, said(cut));
    await it.restart(undefined, { ...it.options, workloads: workloadsOf('web') });
    const again = await it.psi.cli('prune', '--apply');
    assert.equal(again.code, 0, said(again));
    assert.deepEqual([await secrets(it), await mappings(it)], [['web--C'], 1]);
    assert.equal((await it.psi.cli('prune')).code, 0);
  });
}

test('podman does not answer: nothing is removed', async (t) => {
  const it = await registered(t);
  await configure(it, 'web');
  await rm(it.options.podmanSocket);
  const failed = await it.psi.cli('prune', '--apply');
  assert.equal(failed.code, 74, said(failed));
  assert.deepEqual(await it.targets(), ['A', 'B']);
});
