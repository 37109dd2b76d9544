import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf } from '../../../src/config/places.ts';
import { PsiError } from '../../../src/core/error.ts';
import { defaultDriverText } from '../../../src/host/default-driver.ts';
import { hostFolders, type HostLayout } from '../../../src/host/layout.ts';
import { uninstall, type UninstallOptions, type UninstallReport } from '../../../src/host/uninstall.ts';
import { unitFile } from '../../../src/host/units/unit-file.ts';
import type { SecretUser } from '../../../src/registration/secret-users.ts';
import { FakeHostTree } from '../../fakes/host-tree.fake.ts';
import { SERVED } from '../../fakes/provider.fake.ts';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { OPTIONS, setupStage, workload } from '../registration/setup-stage.ts';
import { NO_HELPER } from '../../hosts/driver-command.ts';

const UNITS = '/etc/systemd/system';
const QUADLETS = '/etc/containers/systemd';
const CONF = '/etc/containers/containers.conf.d/psi.conf';

const LAYOUT = {
  scope: 'system',
  ...placesOf({}, 0),
  ...hostFolders('system', {}, 0),
  ...SERVED,
  caFiles: [],
  secretFiles: [],
  credentials: ['api'],
  cache: { backends: ['tpm'], tpmDevice: undefined, credential: 'x', path: '/srv/psi/cache.enc' },
  tls: undefined,
  textfileDir: '/srv/figures',
  hsmToken: false,
  refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
} as const;

async function host(layout: HostLayout = LAYOUT) {
  const stage = await setupStage();
  stage.target.workloads = [workload('myapp')];
  stage.folders['/myapp'] = { A: '1' };
  await stage.run();
  const tree = new FakeHostTree();
  for (const name of ['psi.socket', 'psi-infisical-refresh.timer', 'psi-credential@.service']) {
    tree.files.set(`${UNITS}/${name}`, unitFile(name, []));
  }
  tree.files.set(`${QUADLETS}/psi.container`, unitFile('psi.container', []));
  tree.links.set(`${UNITS}/sockets.target.wants/psi.socket`, `${UNITS}/psi.socket`);
  tree.links.set(`${UNITS}/sockets.target.wants/other.socket`, '/usr/lib/systemd/system/other.socket');
  tree.links.set(`${UNITS}/psi.service.wants/psi-credential@api.service`, '../psi-credential@.service');
  tree.files.set(CONF, defaultDriverText(OPTIONS));
  tree.files.set('/var/lib/psi/names.json', '{}');
  tree.files.set('/var/lib/psi/cache.enc.bad.2', 'x');
  tree.files.set('/var/lib/psi/tls/web.json', '{}');
  tree.files.set('/srv/psi/cache.enc', 'x');
  tree.files.set('/srv/psi/other', 'x');
  for (const name of ['psi.prom', '.psi.prom.0123456789ab.tmp', 'other.prom'])
    tree.files.set(`/srv/figures/${name}`, 'x');
  const users: SecretUser[] = [];
  const steps: string[] = [];
  const answered: string[][] = [];
  const sockets: string[] = [];
  const run = (options: Partial<UninstallOptions> = {}): Promise<UninstallReport> =>
    uninstall(
      {
        ...stage,
        layout,
        tree,
        users: { list: () => Promise.resolve(users) },
        units: {
          has: () => Promise.resolve(false),
          reload: () => {
            steps.push('reload');
            return stage.units.reload();
          },
          stop: (unit) => {
            steps.push(`stop ${unit}`);
            return Promise.resolve();
          },
        },
        answerDeletes: (ids, paths) => {
          answered.push([...ids]);
          sockets.push(...paths);
          steps.push('answer');
          return Promise.resolve({
            stop: () => {
              steps.push('silent');
              return Promise.resolve();
            },
          });
        },
      },
      { apply: true, keepState: false, force: false, ...options },
    );
  const names = async (): Promise<readonly string[]> => (await stage.podman.list()).map(({ name }) => name);
  return { ...stage, tree, using: users, steps, answered, sockets, uninstall: run, names };
}

test('drop-ins, a reload, the stop of the units, secrets while it answers, units, a reload, the rest', async () => {
  const on = await host();
  const ids = (await on.podman.list()).map(({ id }) => id);
  const report = await on.uninstall();
  assert.deepEqual([report.failures, report.left], [[], []]);
  assert.deepEqual(on.steps, [
    'reload',
    'stop psi.socket',
    'stop psi-infisical-refresh.timer',
    'stop psi-credential@api.service',
    'stop psi.service',
    'answer',
    'silent',
    'reload',
  ]);
  assert.deepEqual(on.answered, [ids]);
  assert.deepEqual(report.undone.map(({ what }) => what).slice(0, 3), ['drop-in', 'secret', 'unit']);
  assert.deepEqual([...on.tree.files.keys()], ['/srv/psi/other', '/srv/figures/other.prom']);
  assert.deepEqual([...on.tree.links.keys()], [`${UNITS}/sockets.target.wants/other.socket`]);
  assert.deepEqual(await on.names(), []);
});

test('what is planned is what is done', async () => {
  const on = await host();
  const plan = await on.uninstall({ apply: false });
  const done = await on.uninstall();
  const named = ({ undone }: UninstallReport): readonly string[] =>
    undone.flatMap(({ what, target }) => (what === 'folder' ? [] : [`${what} ${target}`]));
  assert.deepEqual(named(done), named(plan));
});

test('while systemd cannot read its units again, no secret and no unit goes', async () => {
  const on = await host();
  on.units.failWith = new PsiError('HOST', 'systemd is away');
  const report = await on.uninstall();
  assert.deepEqual(
    report.failures.map(({ message }) => message),
    ['systemd is away'],
  );
  assert.deepEqual(
    report.undone.map(({ what }) => what),
    ['drop-in'],
  );
  assert.deepEqual([on.steps, (await on.names()).length], [['reload'], 1]);
  on.units.failWith = undefined;
  assert.deepEqual((await on.uninstall()).failures, []);
  assert.deepEqual(await on.names(), []);
});

test('a setup that runs meanwhile keeps the units: its secrets have to be answered for', async () => {
  const on = await host();
  const remove = on.registry.remove.bind(on.registry);
  on.registry.remove = async (secret) => {
    await remove(secret);
    on.registry.remove = remove;
    await on.run();
  };
  const report = await on.uninstall();
  assert.match(report.failures[0]?.message ?? '', /a setup ran meanwhile/);
  assert.ok(on.tree.files.has(`${UNITS}/psi.socket`));
  assert.deepEqual((await on.uninstall()).failures, []);
  assert.deepEqual(await on.names(), []);
});

test("a link in the place of a unit is somebody else's, and its name is told", async () => {
  const on = await host();
  on.tree.files.delete(`${UNITS}/psi.socket`);
  on.tree.links.set(`${UNITS}/psi.socket`, '/srv/mine/psi.socket');
  const report = await on.uninstall();
  assert.deepEqual(
    report.left.map(({ subject }) => subject),
    [`${UNITS}/psi.socket`],
  );
  assert.ok(on.tree.links.has(`${UNITS}/psi.socket`));
});

test('the alias that a migration made goes, and what is beside it stays', async () => {
  const on = await host();
  const folder = `${QUADLETS}/psi.container.d`;
  on.tree.files.set(`${folder}/50-psi-secrets-alias.conf`, 'x');
  on.tree.files.set(`${folder}/mine.conf`, 'x');
  await on.uninstall();
  assert.ok(!on.tree.files.has(`${folder}/50-psi-secrets-alias.conf`));
  assert.ok(on.tree.files.has(`${folder}/mine.conf`));
});

test('with --keep-state the state and the cache stay', async () => {
  const on = await host();
  await on.uninstall({ keepState: true });
  for (const path of ['/var/lib/psi/names.json', '/srv/psi/cache.enc']) assert.ok(on.tree.files.has(path));
  assert.ok(!on.tree.files.has(CONF));
});

test('a header file that the delete commands read is made where it is gone, and goes again', async () => {
  const on = await host();
  const headerFile = '/srv/old/driver.hdr';
  on.target.options = driverOptions({ socket: '/run/old/psi.sock', maxTimeSeconds: 20, headerFile, helper: NO_HELPER });
  await on.run();
  const remove = on.registry.remove.bind(on.registry);
  on.registry.remove = (secret) => {
    assert.ok(on.tree.files.has(headerFile));
    return remove(secret);
  };
  assert.deepEqual((await on.uninstall()).failures, []);
  assert.deepEqual(on.sockets, ['/run/psi/psi.sock', '/run/old/psi.sock']);
  assert.ok(!on.tree.files.has(headerFile));
});

const COMMAND = '#!/bin/sh\n# Written by PSI (psi install). Changes here are overwritten.\n';

test("the host's command and its completions go last, and what others call so stays", async () => {
  const on = await host({ ...LAYOUT, inImage: true });
  on.tree.files.set('/host/usr/local/bin/psi', COMMAND);
  on.tree.files.set('/etc/bash_completion.d/psi', '# bash completion for psi, written by `psi completion bash`.\n');
  on.tree.files.set('/etc/fish/completions/psi.fish', 'complete -c psi\n');
  const { undone, left } = await on.uninstall();
  const files = undone.filter(({ what }) => what === 'file').map(({ target }) => target);
  assert.deepEqual(files.slice(-2), ['/etc/bash_completion.d/psi', '/host/usr/local/bin/psi']);
  assert.deepEqual(
    left.map(({ subject }) => subject),
    ['/etc/fish/completions/psi.fish'],
  );
});

test('a command that lies where this container does not see is named, with the mount that shows it', async () => {
  const on = await host({ ...LAYOUT, inImage: true });
  const { left } = await on.uninstall();
  assert.equal(left[0]?.subject, '/usr/local/bin/psi');
  assert.match(left[0].hint, /-v \/usr\/local:\/host\/usr\/local.*rm -f \/usr\/local\/bin\/psi/);
});

test('values that are nowhere but on this host keep it from everything, whatever is asked for, with what to run', async () => {
  for (const options of [{}, { force: true }, { keepState: true }]) {
    const on = await host();
    on.tree.files.set('/var/lib/psi/sealed/db', 'x');
    on.tree.files.set('/var/lib/psi/sealed/.aside/old~1', 'x');
    on.tree.files.set('/var/lib/psi/0123456789abcdef012345678', '{"provider":"nitrokeyhsm","blob":"AQA="}');
    const before = await on.names();
    const report = await on.uninstall(options);
    assert.deepEqual([report.blocked, report.applied, on.steps, await on.names()], [true, false, [], before]);
    assert.deepEqual(
      report.left.map(({ subject }) => subject),
      ['db', '0123456789abcdef012345678'],
    );
    assert.match(report.left[0]?.hint ?? '', /psi sealed export db > FILE/);
  }
});

test('of what Podman was given it says the name that people know', async () => {
  const on = await host();
  const { id = '', name = '' } = (await on.podman.list())[0] ?? {};
  on.tree.files.set(`/var/lib/psi/sealed/podman.${id}`, 'x');
  const [left] = (await on.uninstall()).left;
  assert.deepEqual([left?.subject, left?.reason.endsWith(`; podman knows it as "${name}"`)], [`podman.${id}`, true]);
});

test('what only lies aside of sealed values goes with the rest', async () => {
  const on = await host();
  on.tree.files.set('/var/lib/psi/sealed/.aside/old~1', 'x');
  const report = await on.uninstall();
  assert.deepEqual([report.blocked, report.left], [false, []]);
  assert.equal(
    [...on.tree.files.keys()].some((path) => path.startsWith('/var/lib/psi')),
    false,
  );
});
