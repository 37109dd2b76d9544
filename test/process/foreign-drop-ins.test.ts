// Drop-ins of another PSI, or of somebody who wrote them by hand, in the place of PSI's: named before anything of the workload is written, with
// a command after which the workload has each secret once. By commands and files alone.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const FOLDERS = { '/app': { A: 'value a', B: 'value b' } };
const THEIRS = '[Container]\nSecret=app--A,type=env,target=A\nSecret=app--B,type=env,target=B\n';

async function put(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** The commands of the hint that are about files: what asks systemd, and PSI itself, has its own place in a test. */
async function runHint(result: RunResult, path: string): Promise<void> {
  const commands = [...said(result).matchAll(/`((?:mv|for) [^`]+)`/g)].map(([, command = '']) => command);
  const command = commands.find((one) => one.includes(path)) ?? assert.fail(said(result));
  const moved = await run(['sh', '-c', command.replace(/ && systemctl .*$/, '')]);
  assert.equal(moved.code, 0, moved.stderr);
}

/** How often Podman would read a line for each secret, of all drop-ins of the workload. */
async function lines(it: Observed): Promise<readonly string[]> {
  const folder = join(it.psi.systemdDir, 'app.container.d');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.conf'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => [...text.matchAll(/^Secret=([^,\n]+)/gm)])
    .map(([, name = '']) => name)
    .toSorted();
}

test("a file of another PSI's with the name of the drop-in is named before anything is written, and its remedy works", async (t) => {
  const it = await stage(t, { folders: FOLDERS, env: { PSI_SETUP_RETRY: '1h' } });
  const path = await put(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), THEIRS);
  for (const flags of [['--dry-run'], []]) {
    const refused = await it.setup(...flags);
    assert.notEqual(refused.code, 0, said(refused));
    assert.ok(said(refused).includes(`${path} was not written by psi`), said(refused));
    assert.deepEqual([await it.podman.list(), await readFile(path, 'utf8')], [[], THEIRS]);
    if (flags.length === 0) await runHint(refused, path);
  }
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.deepEqual(await lines(it), ['app--A', 'app--B']);
});

test('what an operator wrote under that name, and that is about no secrets, goes on being read', async (t) => {
  const it = await stage(t, { folders: FOLDERS, env: { PSI_SETUP_RETRY: '1h' } });
  const path = await put(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), '[Container]\nNetwork=host\n');
  await runHint(await it.setup(), path);
  assert.equal((await it.setup()).code, 0);
  assert.deepEqual(await lines(it), ['app--A', 'app--B']);
  assert.ok((await readdir(dirname(path))).includes('60-local.conf'));
});

/** A host of its own: root of the machine is a user in a namespace. */
const AS_USER = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000'] : [];

for (const [unit, file] of [
  ['app.container', 'app.container.d/50-secrets.conf'],
  ['tm@one.container', 'tm@one.container.d/51-secrets-instance.conf'],
] as const) {
  test(`a file that Podman reads in the place of ${basename(file)} is named by setup`, async (t) => {
    const it = await stage(t, { folders: FOLDERS });
    const home = join(it.options.dir, 'home');
    const systemdDir = join(home, '.config/containers/systemd');
    const env = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), PSI_SYSTEMD_DIR: systemdDir };
    const workloads = { 'app-two': { unit, secrets: [{ project: 'main', path: '/app' }] } };
    await put(join(systemdDir, unit), '[Container]\nImage=app\n');
    await it.restart([...AS_USER, ...PSI_UNDER_TEST], {
      ...it.options,
      workloads,
      config: { ...it.options.config, systemd_dir: systemdDir },
      env: { ...it.options.env, ...env },
    });
    // In the namespace the bus would not know it: what setup is about to do is told without it.
    const before = await it.setup('--dry-run');
    assert.doesNotMatch(said(before), /hides/);
    const path = await put(join(home, 'run/containers/systemd', file), THEIRS);
    const told = await it.setup('--dry-run');
    assert.ok(said(told).includes(path), said(told));
    assert.match(said(told), /has the name of psi's drop-in .* and hides it.*systemctl --user daemon-reload/s);
    await runHint(told, path);
    assert.doesNotMatch(said(await it.setup('--dry-run')), /hides/);
    await rm(home, { recursive: true });
  });
}
