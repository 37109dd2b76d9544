// `psi systemd install` run again keeps what the units on the host were rendered with, and says so.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
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
  assert.match(text, /^Ulimit=core=0:0$/m);
  assert.match(text, /^HealthCmd=psi-lookup health --socket %t\/psi\/psi\.sock --max-time 5$/m);
  assert.match(text, /^HealthStartupCmd=psi-lookup health --socket %t\/psi\/psi\.sock --max-time 5$/m);
});

type Host = {
  readonly home: string;
  readonly psi: (...args: readonly string[]) => Promise<RunResult>;
  readonly put: (path: string, text: string) => Promise<string>;
  readonly files: () => Promise<readonly string[]>;
};

async function hostOf(t: TestContext): Promise<Host> {
  const home = await mkdtemp(join(tmpdir(), 'psi-install-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  return {
    home,
    psi: (...args) => run([...AS_USER, ...PSI_UNDER_TEST, ...args], { env }),
    put: async (path, text) => {
      const file = join(home, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      return file;
    },
    files: async () => {
      const entries = await readdir(home, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    },
  };
}

/** The command of the hint, on the machine: it names files of this test alone. */
async function runHint({ stderr }: RunResult): Promise<void> {
  const [, command = ''] = /^hint: .*?`([^`]+)`/m.exec(stderr) ?? assert.fail(stderr);
  const { code, stderr: words } = await run(['sh', '-c', command]);
  assert.equal(code, 0, `${command}: ${words}`);
}

const DRIVER = '[secrets]\ndriver = "shell"\n[secrets.opts]\nlookup = "python3 -m psi.lookup"\n';

test('all that another PSI has in the way is named before a byte is written, and the command of the hint mends it', async (t) => {
  const host = await hostOf(t);
  const units = ['setup.service', 'refresh.service', 'refresh.timer'].map((name) => `psi-infisical-${name}`);
  const foreign = [
    ...units.map((name) => `.config/systemd/user/${name}`),
    // Read in the place of those that psi writes, or beside them.
    'run/systemd/user/psi.service',
    'run/containers/systemd/psi.container',
    '.local/share/systemd/user/psi.socket',
    '.config/containers/systemd/psi.container.d/50-theirs.conf',
    '.config/containers/systemd/theirs/psi.container',
  ];
  const paths = await Promise.all(foreign.map((path) => host.put(path, '[Unit]\nDescription=theirs\n')));
  const conf = await host.put('.config/containers/containers.conf.d/50-theirs.conf', DRIVER);
  const before = await host.files();
  const refused = await host.psi('systemd', 'install', '--enable');
  assert.deepEqual((await host.files()).toSorted(), before.toSorted(), refused.stderr);
  assert.equal(refused.code, 73);
  for (const path of [...paths, conf]) assert.ok(refused.stderr.includes(path), `${path}: ${refused.stderr}`);
  await runHint(refused);
  const installed = await host.psi('systemd', 'install');
  assert.equal(installed.code, 0, installed.stderr);
  assert.match(
    installed.stderr,
    /^note: .*50-theirs\.conf makes commands that are not psi's the default secret driver/m,
  );
});

test('drop-ins that are older than the units they change are named, once', async (t) => {
  const host = await hostOf(t);
  const theirs = await host.put('.config/systemd/user/psi.socket.d/theirs.conf', '[Socket]\nSocketMode=0666\n');
  const installed = await host.psi('systemd', 'install');
  assert.equal(installed.code, 0, installed.stderr);
  assert.ok(installed.stderr.includes(`note: ${theirs} was there before`), installed.stderr);
  assert.doesNotMatch((await host.psi('systemd', 'install')).stderr, /note/);
});

test('a foreign default driver is named by install, wherever Podman reads it, and keeps psi from being one beside it', async (t) => {
  for (const place of ['containers.conf', 'containers.conf.d/a.conf', 'containers.rootless.conf.d/a.conf']) {
    const host = await hostOf(t);
    const theirs = await host.put(join('.config/containers', place), DRIVER);
    const before = await host.files();
    const refused = await host.psi('install', '--default-driver');
    assert.deepEqual([refused.code, await host.files()], [73, before], refused.stderr);
    assert.ok(refused.stderr.includes(theirs), refused.stderr);
    const plain = await host.psi('install');
    assert.equal(plain.code, 0);
    assert.ok(plain.stderr.includes(`note: ${theirs} makes`), plain.stderr);
    await runHint(refused);
    const asked = await host.psi('install', '--default-driver');
    assert.equal(asked.code, 0, asked.stderr);
    assert.doesNotMatch(asked.stderr, /not psi's/);
  }
});

// F17
test('a credential of the config that nobody has made is named by the install, with the command that makes it', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'psi-install-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  const store = join(home, '.config/credstore.encrypted');
  for (const folder of [store, join(home, '.config/psi')]) await mkdir(folder, { recursive: true });
  await writeFile(join(home, '.config/psi/config.yaml'), 'socket_token: {credential: token}\n');
  const install = (): Promise<RunResult> => run([...AS_USER, ...PSI_UNDER_TEST, 'systemd', 'install'], { env });
  const missing = await install();
  assert.match(
    missing.stdout + missing.stderr,
    /the credential token of the config is not there: make it with `systemd-creds --user encrypt --name=token - \S+\/token`/,
  );
  assert.equal(missing.code, 0);
  await writeFile(join(store, 'token'), 'encrypted');
  const made = await install();
  assert.doesNotMatch(made.stdout + made.stderr, /is not there/);
});
