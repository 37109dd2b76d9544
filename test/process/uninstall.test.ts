// PSI leaves a host: by commands, sockets and files alone. The folders of the machine under the test are covered by others meanwhile.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { AtEnd } from '../hosts/at-end.ts';
import { ask } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { said, stage, type Observed, type StageOptions } from './observed/stage.ts';

const COVERED: readonly string[] = ['etc/systemd/system', 'etc/containers', 'run'];
const COVER = `set -e; at=$1; shift; for path in ${COVERED.join(' ')}; do mount --bind "$at/$path" "/$path"; done; exec "$@"`;

const tried = await run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/run']).catch(() => undefined);
const options = { skip: tried?.code === 0 ? false : 'needs root, and mounts of its own' };

type Host = {
  readonly it: Observed;
  readonly unitDir: string;
  readonly driverConf: string;
  readonly running: Map<string, () => Promise<unknown>>;
  readonly argv: (...words: readonly string[]) => readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly psi: (...words: readonly string[]) => Promise<RunResult>;
};

/** With two secrets of PSI's and one of somebody else, its units, and PSI as the default driver. */
async function installed(t: AtEnd, more: StageOptions = {}): Promise<Host> {
  const root = await mkdtemp(join(tmpdir(), 'psi-uninstall-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const folder of COVERED) await mkdir(join(root, folder), { recursive: true });
  const running = new Map<string, () => Promise<unknown>>();
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } }, ...more, running });
  const argv = (...words: readonly string[]): readonly string[] => [
    'unshare',
    '-m',
    'sh',
    '-c',
    COVER,
    'sh',
    root,
    ...PSI_UNDER_TEST,
    ...words,
  ];
  const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile };
  const psi = (...words: readonly string[]): Promise<RunResult> => run(argv(...words), { env });
  for (const words of [
    ['install', '--default-driver'],
    ['systemd', 'install', '--enable'],
  ]) {
    const done = await psi(...words);
    assert.equal(done.code, 0, said(done));
  }
  await it.registered();
  const body = new Uint8Array([1]);
  await it.podman.create({ name: 'app--FOREIGN', driver: 'file', options: {}, labels: {}, body, replace: false });
  return {
    ...{ it, running, argv, env, psi },
    unitDir: join(root, 'etc/systemd/system'),
    driverConf: join(root, 'etc/containers/containers.conf.d/psi.conf'),
  };
}

const files = async (folder: string): Promise<readonly string[]> => (await readdir(folder, { recursive: true })).sort();

const secrets = async ({ it }: Host): Promise<readonly string[]> =>
  (await it.podman.list()).map(({ name }) => name).sort();

/** Nothing of PSI's is on the host, and all of others is. */
async function gone(host: Host): Promise<void> {
  const { it, unitDir, driverConf } = host;
  assert.deepEqual(await secrets(host), ['app--FOREIGN']);
  assert.deepEqual(await files(unitDir), []);
  // The workload's own quadlet.
  assert.deepEqual(await files(it.psi.systemdDir), ['app.container']);
  for (const path of [driverConf, it.psi.stateDir, it.psi.socket]) await assert.rejects(access(path), path);
  await access(it.psi.configFile);
}

test(
  'a plan changes nothing; applied, PSI is stopped and all of it is gone, and once more there is nothing',
  options,
  async (t) => {
    const host = await installed(t);
    const { it, unitDir, running } = host;
    const stopped: string[] = [];
    for (const unit of ['psi.service', 'psi.socket', 'psi-infisical-setup.service']) {
      running.set(unit, async () => {
        stopped.push(unit);
        if (unit === 'psi.service') await it.psi.stop();
      });
    }
    const before = [await files(unitDir), await secrets(host), await it.targets()];
    assert.ok(before[0]?.includes('psi.socket') && before[0].includes('sockets.target.wants/psi.socket'));
    const plan = await host.psi('uninstall');
    assert.equal(plan.code, 3, said(plan));
    for (const what of ['drop-in app.container', 'secret app--A', 'unit /etc/systemd/system/psi.socket']) {
      assert.ok(plan.stdout.includes(`would remove ${what}\n`), `${what}: ${said(plan)}`);
    }
    assert.deepEqual([await files(unitDir), await secrets(host), await it.targets()], before);
    const applied = await host.psi('uninstall', '--apply');
    assert.equal(applied.code, 0, said(applied));
    assert.deepEqual(stopped, ['psi.socket', 'psi-infisical-setup.service', 'psi.service']);
    await gone(host);
    const again = await host.psi('uninstall', '--apply');
    assert.equal(again.code, 0, said(again));
    assert.match(again.stdout, /^nothing to remove$/m);
  },
);

test('with PSI killed it answers Podman itself, and only for what it removes', options, async (t) => {
  const host = await installed(t);
  const { podman, psi } = host.it;
  const { driver } = podman;
  const asked: number[] = [];
  Object.assign(podman, {
    driver: {
      ...driver,
      delete: async (id: string, frozen: Readonly<Record<string, string>>) => {
        for (const path of [`/delete/${'f'.repeat(25)}`, '/delete/']) {
          asked.push((await ask(psi.socket, 'DELETE', path)).status);
        }
        asked.push((await ask(psi.socket, 'GET', `/lookup/${id}`)).status);
        await driver.delete(id, frozen);
      },
    },
  });
  await psi.kill();
  const applied = await host.psi('uninstall', '--apply');
  assert.equal(applied.code, 0, said(applied));
  assert.deepEqual([...new Set(asked)], [503]);
  await gone(host);
});

test('without its state and with another config it still answers where the secrets ask', options, async (t) => {
  const host = await installed(t);
  const { it } = host;
  await it.psi.kill();
  await rm(it.psi.stateDir, { recursive: true });
  // A socket that no setup has followed.
  const socket = join(it.options.dir, 'new.sock');
  await it.psi.writeConfig({ ...it.options, config: { ...it.options.config, socket } });
  const applied = await host.psi('uninstall', '--apply');
  assert.equal(applied.code, 0, said(applied));
  await gone(host);
});

test('a secret that podman does not remove keeps the units and the state that it needs', options, async (t) => {
  const host = await installed(t);
  const { it } = host;
  await it.psi.kill();
  const { driver } = it.podman;
  let refused = 1;
  Object.assign(it.podman, {
    driver: {
      ...driver,
      delete: (id: string, frozen: Readonly<Record<string, string>>) => {
        refused -= 1;
        return refused >= 0 ? Promise.reject(new Error('exit status 7')) : driver.delete(id, frozen);
      },
    },
  });
  const failed = await host.psi('uninstall', '--apply');
  assert.equal(failed.code, 1, said(failed));
  assert.equal((await secrets(host)).length, 2);
  assert.ok((await files(host.unitDir)).includes('psi.socket'));
  await access(it.psi.stateDir);
  const again = await host.psi('uninstall', '--apply');
  assert.equal(again.code, 0, said(again));
  await gone(host);
});

test('killed in the middle of the secrets and run again, it ends well', options, async (t) => {
  const host = await installed(t);
  const { it, argv, env } = host;
  await it.psi.kill();
  const { driver } = it.podman;
  let deletes = 0;
  const [program = '', ...args] = argv('uninstall', '--apply');
  const child = spawn(program, args, { env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  Object.assign(it.podman, {
    driver: {
      ...driver,
      delete: async (id: string, frozen: Readonly<Record<string, string>>) => {
        deletes += 1;
        if (deletes === 2) child.kill('SIGKILL');
        if (deletes === 2) await ended;
        await driver.delete(id, frozen);
      },
    },
  });
  await ended;
  assert.equal(deletes, 2);
  const again = await host.psi('uninstall', '--apply');
  assert.equal(again.code, 0, said(again));
  await gone(host);
});

test('while a container names a secret nothing is done, but with --force', options, async (t) => {
  const host = await installed(t);
  const { it } = host;
  const command = ['podman', 'run', '--secret', 'app--A,type=env,target=A', 'image'];
  it.podman.containers.push({ id: 'a'.repeat(64), name: 'app', secrets: [], command });
  const before = [await files(host.unitDir), await secrets(host), await it.targets()];
  for (const flags of [[], ['--apply']]) {
    const blocked = await host.psi('uninstall', ...flags);
    assert.equal(blocked.code, 4, said(blocked));
    assert.match(blocked.stderr, /^left: app: this container names secrets of psi/m);
  }
  assert.deepEqual([await files(host.unitDir), await secrets(host), await it.targets()], before);
  await it.psi.kill();
  const forced = await host.psi('uninstall', '--apply', '--force');
  assert.equal(forced.code, 0, said(forced));
  await gone(host);
});

test(
  'what is not of PSI, or was changed by hand, stays and is named; the state is kept on request',
  options,
  async (t) => {
    const host = await installed(t);
    const { it, unitDir, driverConf } = host;
    await writeFile(join(unitDir, 'psi-mine.service'), '[Service]\nExecStart=true\n');
    await writeFile(join(unitDir, 'psi.socket'), '# mine\n[Socket]\n');
    await writeFile(driverConf, '[secrets]\n');
    await writeFile(join(it.psi.systemdDir, 'app.container.d/60-local.conf'), '[Container]\n');
    await writeFile(join(it.psi.stateDir, 'notes.txt'), 'mine');
    await it.psi.kill();
    const applied = await host.psi('uninstall', '--apply', '--keep-state');
    assert.equal(applied.code, 4, said(applied));
    for (const name of ['psi-mine.service', 'psi.socket']) {
      assert.match(applied.stderr, new RegExp(`^left: /etc/systemd/system/${name}: it was not written by psi`, 'm'));
    }
    assert.match(applied.stderr, /^left: \/etc\/containers\/containers\.conf\.d\/psi\.conf: /m);
    assert.deepEqual(await secrets(host), ['app--FOREIGN']);
    const units = (await files(unitDir)).filter((name) => /\.(?:service|socket|timer)$/.test(name));
    assert.deepEqual(units, ['psi-mine.service', 'psi.socket', 'sockets.target.wants/psi.socket']);
    await access(join(it.psi.systemdDir, 'app.container.d/60-local.conf'));
    await access(join(it.psi.stateDir, 'driver.hdr')).catch(() => access(join(it.psi.stateDir, 'config.last-good')));
    const rest = await host.psi('uninstall', '--apply');
    assert.equal(rest.code, 4, said(rest));
    assert.match(rest.stderr, /^left: .*state: there is something in it that is not psi's to remove: notes\.txt/m);
    assert.deepEqual(await files(it.psi.stateDir), ['notes.txt']);
  },
);

test('within the container of psi.service it does nothing, and says how it is run', options, async (t) => {
  const host = await installed(t);
  const inside = await run(host.argv('uninstall', '--apply'), { env: { ...host.env, PSI_UNITS: '1' } });
  assert.equal(inside.code, 64, said(inside));
  assert.match(inside.stderr, /hint: .*podman run --rm .* uninstall/);
  assert.equal((await secrets(host)).length, 3);
});
