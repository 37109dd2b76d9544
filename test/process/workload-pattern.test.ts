// The workload "*" from outside: quadlet files, folders of a server, commands with their output and status, drop-ins, lookups and requests.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../hosts/psi-process.ts';
import type { AtEnd } from '../hosts/at-end.ts';
import { CLIENT, PLACE, said, stage, type Observed, type StageOptions } from './observed/stage.ts';

const ALL = { '*': { secrets: [{ project: 'main', path: '/apps/{workload}' }] } };

type Result = { readonly passedOver: readonly { readonly unit: string; readonly reason: string }[] };

async function onHost(
  t: AtEnd,
  options: StageOptions,
  workloads: Readonly<Record<string, unknown>> = ALL,
): Promise<Observed> {
  const it = await stage(t, { quadlet: false, ...options });
  await it.psi.writeConfig({ ...it.options, workloads });
  return it;
}

async function quadlets(it: Observed, ...names: readonly string[]): Promise<void> {
  for (const name of names)
    await writeFile(join(it.psi.systemdDir, `${name}.container`), '[Container]\nImage=localhost/app\n');
}

const secrets = async (it: Observed): Promise<readonly string[]> =>
  (await it.podman.list()).map(({ name }) => name).sort();

/** The secret names in the drop-in of a unit. */
async function lines(it: Observed, unit: string): Promise<readonly string[]> {
  const text = await readFile(join(it.psi.systemdDir, `${unit}.container.d`, '50-secrets.conf'), 'utf8').catch(
    () => '',
  );
  return [...text.matchAll(/^Secret=([^,]+),/gm)].map(([, name = '']) => name);
}

async function valueOf(it: Observed, name: string): Promise<string> {
  const { id } = (await it.podman.list()).find((one) => one.name === name) ?? assert.fail(`podman has no ${name}`);
  const { status, body } = await ask(it.psi.socket, 'GET', `/lookup/${id}`);
  assert.equal(status, 200);
  return body.toString('utf8');
}

/** Requests since the last look, by kind, without logins and without routes that the server does not have. */
function asked(it: Observed): Readonly<Record<string, number>> {
  const kinds = Map.groupBy(
    it.infisical.calls.filter(({ status }) => status !== 404),
    ({ kind }) => kind,
  );
  it.infisical.clearCalls();
  return Object.fromEntries(['folders', 'list', 'get'].map((kind) => [kind, kinds.get(kind as 'list')?.length ?? 0]));
}

async function dryRun(it: Observed): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await it.setup('--dry-run', '--json');
  const { result } = JSON.parse(stdout) as { readonly result: Result };
  return Object.fromEntries(result.passedOver.map(({ unit, reason }) => [unit, reason]));
}

for (const generation of ['2024', '2025', '2025-v4', 'v4'] as const) {
  test(`a new quadlet and a new folder are found by the next setup, and the config is untouched (${generation})`, async (t) => {
    const it = await onHost(t, { generation, folders: { '/apps/web': { A: 'value of web' } } });
    await quadlets(it, 'web', 'plain');
    const config = await readFile(it.psi.configFile);
    const first = await it.setup();
    assert.equal(first.code, 0, said(first));
    assert.deepEqual(await secrets(it), ['web--A']);
    await quadlets(it, 'mail', 'worker@');
    await symlink('worker@.container', join(it.psi.systemdDir, 'worker@1.container'));
    it.set('/apps/mail', 'B', 'value of mail');
    it.set('/apps/worker', 'C', 'value of worker');
    assert.equal((await it.setup('--dry-run')).code, 3);
    const second = await it.setup();
    assert.equal(second.code, 0, said(second));
    assert.deepEqual(await secrets(it), ['mail--B', 'web--A', 'worker@--C']);
    assert.deepEqual([await lines(it, 'mail'), await lines(it, 'worker@')], [['mail--B'], ['worker@--C']]);
    assert.equal(await valueOf(it, 'mail--B'), 'value of mail');
    assert.deepEqual(await readFile(it.psi.configFile), config);
    assert.deepEqual(await dryRun(it), {
      'plain.container': 'infisical has no folder main:/apps/plain',
      'worker@1.container': 'it is an instance, and has what its template worker@.container has',
    });
    const again = await it.setup();
    assert.match(again.stdout, /^nothing to change, 3 unchanged$/m);
  });
}

test('200 quadlets of which 150 have folders cost one list of folders and the lists of those that are there', async (t) => {
  const names = Array.from({ length: 200 }, (_, index) => `app${String(index)}`);
  const folders = Object.fromEntries(names.slice(0, 150).map((name) => [`/apps/${name}`, { KEY: name }]));
  const it = await onHost(t, { folders });
  await quadlets(it, ...names);
  asked(it);
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.deepEqual(asked(it), { folders: 1, list: 150, get: 0 });
  assert.equal((await secrets(it)).length, 150);
  assert.equal((await it.setup('--workload', 'app3')).code, 0);
  assert.deepEqual(asked(it), { folders: 1, list: 1, get: 0 });
});

test('limits of the server are kept: the folders are asked for on a route of their own', async (t) => {
  const it = await onHost(t, { folders: { '/apps/web': { A: '1' }, '/apps/mail': { B: '2' } } });
  await quadlets(it, 'web', 'mail');
  it.infisical.knobs.set({ limits: { read: 1 } });
  assert.equal((await it.setup()).code, 0);
  const limited = await it.setup('--json');
  const { result } = JSON.parse(limited.stdout) as { readonly result: { readonly outcome: string } };
  assert.deepEqual([limited.code, result.outcome], [4, 'left']);
  assert.match(limited.stdout, /limits questions for folders|limits requests/);
  assert.deepEqual(await secrets(it), ['mail--B', 'web--A']);
});

test('a list of folders that is refused takes nothing away, is said with its status, and is made up for', async (t) => {
  const it = await onHost(t, { folders: { '/apps/web': { A: '1' } } });
  await quadlets(it, 'web', 'late');
  await it.registered();
  it.set('/apps/web', 'NEW', '2');
  const body = { statusCode: 403, error: 'PermissionDenied', message: 'You are not allowed to read on secret-folders' };
  it.infisical.knobs.failNext(1, { status: 403, body, only: ['folders'] });
  const setup = await it.setup();
  assert.equal(setup.code, 4, said(setup));
  assert.match(
    setup.stderr,
    /the folders in main:\/apps cannot be listed \(infisical refuses to list the folders in main:\/apps .*\): whether it has one for late cannot be told/,
  );
  assert.deepEqual(await lines(it, 'web'), ['web--A', 'web--NEW']);
  assert.equal(await valueOf(it, 'web--A'), '1');
  assert.match((await it.psi.cli('status')).stdout, /cannot be listed/);
  assert.equal((await it.setup()).code, 0);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /cannot be listed/);
});

test('on a host without anything from before a refused list of folders is the failure of the run', async (t) => {
  const it = await onHost(t, { folders: { '/apps/web': { A: '1' } } });
  await quadlets(it, 'web');
  const body = { statusCode: 403, error: 'PermissionDenied', message: 'no' };
  it.infisical.knobs.failNext(1, { status: 403, body, only: ['folders'] });
  const setup = await it.setup();
  assert.equal(setup.code, 1, said(setup));
  assert.deepEqual(await secrets(it), []);
});

for (const generation of ['2025', 'v4'] as const) {
  test(`a folder that has gone leaves its unit what it has, until prune is told to take it (${generation})`, async (t) => {
    const it = await onHost(t, { generation, folders: { '/apps/web': { A: '1' }, '/apps/mail': { B: '2' } } });
    await quadlets(it, 'web', 'mail');
    await it.registered();
    const refused = await it.psi.cli('prune', '--workload', 'web', '--apply');
    assert.equal(refused.code, 64, said(refused));
    assert.match(refused.stderr, /the workload web has secrets by "\*" of the config: its folder is at the provider/);
    it.infisical.state.deleteFolder({ ...PLACE, path: '/apps/web' });
    const setup = await it.setup();
    assert.equal(setup.code, 4, said(setup));
    assert.match(
      setup.stderr,
      /web: infisical has no folder main:\/apps\/web, and web has secrets: it is left as it was/,
    );
    assert.deepEqual(await lines(it, 'web'), ['web--A']);
    assert.doesNotMatch(setup.stdout, /orphan/);
    const plan = await it.psi.cli('prune');
    assert.equal(plan.code, 0, said(plan));
    const command = /`podman exec psi psi (prune [^`]+)`/.exec(setup.stderr)?.[1] ?? assert.fail(said(setup));
    const pruned = await it.psi.cli(...command.split(' '));
    assert.equal(pruned.code, 0, said(pruned));
    assert.deepEqual([await lines(it, 'web'), await secrets(it)], [[], ['mail--B']]);
    assert.equal((await it.setup()).code, 0);
  });
}

test('a quadlet that is gone leaves what prune takes, as a workload that left the config does', async (t) => {
  const it = await onHost(t, { folders: { '/apps/web': { A: '1' } } });
  await quadlets(it, 'web');
  await it.registered();
  await rm(join(it.psi.systemdDir, 'web.container'));
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.match(setup.stdout, /^orphan web--A: .*psi prune/m);
  assert.equal((await it.psi.cli('prune', '--apply')).code, 0);
  assert.deepEqual(await secrets(it), []);
});

test('hostile names of files and folders are said, never written and never asked for', async (t) => {
  const names = [
    'a.b',
    'line\nend',
    'quo"te',
    "quo'te",
    'per%cent',
    '{workload}',
    '-rf',
    'x--y',
    'y'.repeat(200),
    'ctrl\u0001',
  ];
  const it = await onHost(t, { generation: '2024', folders: { '/apps/good': { A: '1' } } });
  await quadlets(it, 'good', ...names, 'Twin', 'twin');
  const raw = Buffer.from([0xff, 0xfe]);
  await writeFile(Buffer.concat([Buffer.from(`${it.psi.systemdDir}/`), raw, Buffer.from('.container')]), '');
  for (const name of [...names, 'Twin', 'twin']) it.set(`/apps/${name}`, 'EVIL', '1');
  it.set('/apps/../up', 'EVIL', '1');
  asked(it);
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.deepEqual(asked(it), { folders: 1, list: 1, get: 0 });
  assert.deepEqual(await secrets(it), ['good--A']);
  assert.deepEqual(
    (await readdir(it.psi.systemdDir)).filter((name) => name.endsWith('.d')),
    ['good.container.d'],
  );
  assert.match(setup.stdout, /^note "\*" passes over .*an entry of its own under `workloads`/m);
  assert.match(setup.stdout, /^note main:\/apps holds folders that no quadlet gets by "\*", for their names: /m);
  const over = await dryRun(it);
  assert.equal(Object.keys(over).length, names.length + 3);
  assert.match(over['twin.container'] ?? '', /differ in case alone/);
  const shown = await it.setup('--dry-run');
  assert.match(shown.stdout, /^passed over line\\nend\.container: no folder may have its name/m);
  // eslint-disable-next-line no-control-regex -- they are what must not be there
  assert.doesNotMatch(said(shown), /[\u0000-\u0009\u000b-\u001f\ufffd]/);
});

test('a named workload wins, units of any PSI are left alone, and a dry run lists who gets nothing', async (t) => {
  const it = await onHost(
    t,
    {
      folders: {
        ...{ '/apps/web': { A: '1' }, '/apps/shop': { B: '2' }, '/apps/mail': { C: '3' } },
        ...{ '/apps/psi': { EVIL: '1' }, '/apps/psi-secrets': { EVIL: '1' }, '/own': { O: 'o' } },
      },
    },
    {
      ...ALL,
      web: { secrets: [{ project: 'main', path: '/own' }] },
      boutique: { unit: 'shop.container', secrets: [{ project: 'main', path: '/own' }] },
    },
  );
  await quadlets(it, 'web', 'shop', 'mail', 'psi', 'psi-secrets', 'none');
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.deepEqual(await secrets(it), ['boutique--O', 'mail--C', 'web--O']);
  assert.doesNotMatch(setup.stdout, /passed over/);
  const dry = await it.setup('--dry-run');
  assert.equal(dry.code, 0, said(dry));
  for (const line of [
    'psi.container: named as the units of a psi are, and not written by this one',
    'psi-secrets.container: named as the units of a psi are, and not written by this one',
    'none.container: infisical has no folder main:/apps/none',
  ]) {
    assert.ok(dry.stdout.includes(`passed over ${line}\n`), dry.stdout);
  }
  const none = await it.setup('--workload', 'none');
  assert.equal(none.code, 64, said(none));
  assert.match(none.stderr, /"\*" passes over none\.container: infisical has no folder main:\/apps\/none/);
  asked(it);
  assert.equal((await it.setup('--workload', 'web')).code, 0);
  assert.deepEqual(asked(it), { folders: 0, list: 1, get: 0 });
});

test('a run about one named workload drops nothing of the others from the cache, and a refresh fetches theirs', async (t) => {
  const workloads = { ...ALL, named: { secrets: [{ project: 'main', path: '/own' }] } };
  const folders = { '/apps/web': { A: 'old' }, '/own': { O: 'o' } };
  const it = await onHost(t, { folders, cache: {} }, workloads);
  await quadlets(it, 'web', 'named');
  assert.equal((await it.setup()).code, 0);
  assert.equal((await it.setup('--workload', 'named')).code, 0);
  it.set('/apps/web', 'A', 'new');
  const refresh = await it.psi.cli('cache', 'refresh');
  assert.equal(refresh.code, 0, said(refresh));
  const body = { statusCode: 403, error: 'PermissionDenied', message: 'no' };
  it.infisical.knobs.failNext(1, { status: 403, body, only: ['folders'] });
  const refused = await it.psi.cli('cache', 'refresh');
  assert.notEqual(refused.code, 0);
  assert.match(said(refused), /the folders in main:\/apps cannot be listed/);
  await it.outage();
  await it.psi.writeConfig({ ...it.options, workloads });
  assert.equal(await valueOf(it, 'web--A'), 'new');
  assert.equal(await valueOf(it, 'named--O'), 'o');
  const setup = await it.setup();
  assert.equal(setup.code, 4, said(setup));
  assert.deepEqual(await lines(it, 'web'), ['web--A']);
  assert.equal(await valueOf(it, 'web--A'), 'new');
  assert.ok(!said(setup).includes(CLIENT.clientSecret));
});
