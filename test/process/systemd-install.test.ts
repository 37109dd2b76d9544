// `psi systemd install` run again keeps what the units on the host were rendered with, and says so.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

/** The units of a user lie below his own folders; root is one in a namespace. */
const AS_USER = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000'] : [];

test('the least rights and the smart card daemon stay through a later install, until somebody says otherwise', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'psi-install-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  const install = async (...flags: readonly string[]): Promise<RunResult> => {
    const done = await run([...AS_USER, ...PSI_UNDER_TEST, 'systemd', 'install', ...flags], { env });
    assert.equal(done.code, 0, done.stderr);
    return done;
  };
  const quadlet = (name: string): Promise<string> => readFile(join(home, '.config/containers/systemd', name), 'utf8');
  await install('--unprivileged', '--pcscd', '--image', 'localhost/psi:one');
  assert.doesNotMatch(await quadlet('psi.container'), /--privileged/);
  const again = await install('--image', 'localhost/psi:two');
  assert.doesNotMatch(await quadlet('psi.container'), /--privileged/);
  assert.match(
    again.stdout,
    /^rights: the least that work, as psi\.container had it \(`--no-unprivileged` changes it\)$/m,
  );
  assert.match(await quadlet('pcscd.container'), /localhost\/psi:two/);
  const back = await install('--no-unprivileged');
  assert.match(await quadlet('psi.container'), /^PodmanArgs=--privileged$/m);
  assert.match(back.stdout, /^rights: --privileged; psi\.container had the least until now$/m);
});

test('the unit checks health by its own command, and leaves no core dump with values in it', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'psi-install-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  const done = await run([...AS_USER, ...PSI_UNDER_TEST, 'systemd', 'install'], { env });
  assert.equal(done.code, 0, done.stderr);
  const text = await readFile(join(home, '.config/containers/systemd/psi.container'), 'utf8');
  assert.match(text, /^HealthCmd=psi health$/m);
  assert.match(text, /^HealthStartupCmd=psi health$/m);
  assert.match(text, /^Ulimit=core=0:0$/m);
});
