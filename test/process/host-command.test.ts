// The `psi` that install puts on a host, run by the shells of hosts, with a podman and a systemctl that say what the test wants them to.

import assert from 'node:assert/strict';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { AtEnd } from '../hosts/at-end.ts';
import { missingCommand, run, type RunOptions, type RunResult } from '../hosts/run.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';

const AS_USER = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000'] : [];
const SHELLS = [['dash'], ['bash', '--posix'], ['busybox', 'sh']] as const;

type UserHost = {
  readonly home: string;
  readonly command: string;
  readonly unitDir: string;
  readonly psi: (
    argv: readonly string[],
    options?: RunOptions & { readonly shell?: readonly string[] },
  ) => Promise<RunResult>;
  readonly install: (...words: readonly string[]) => Promise<RunResult>;
  /** A program of the host, as a script of sh. */
  readonly program: (name: string, text: string) => Promise<void>;
};

/** The home of a user with PSI's units, and the programs that the command calls. */
/** `config`: of the home that it gets. */
async function installed(t: AtEnd, config?: (home: string) => string): Promise<UserHost> {
  const home = await mkdtemp(join(tmpdir(), 'psi-command-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const bin = join(home, 'bin');
  await mkdir(bin);
  await mkdir(join(home, 'run'));
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  const command = join(home, '.local/bin/psi');
  const host: UserHost = {
    ...{ home, command, unitDir: join(home, '.config/systemd/user') },
    install: (...words) => run([...AS_USER, ...PSI_UNDER_TEST, ...words], { env }),
    psi: (argv, { shell = ['sh'], ...options } = {}) =>
      run([...AS_USER, ...shell, command, ...argv], { ...options, env }),
    program: async (name, text) => {
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
      await chmod(join(bin, name), 0o755);
    },
  };
  if (config) {
    await mkdir(join(home, '.config/psi'), { recursive: true });
    await writeFile(join(home, '.config/psi/config.yaml'), config(home));
  }
  await host.program('journalctl', 'echo "its last words"');
  await host.program('systemctl', '[ "$2" != is-active ] || echo active');
  for (const words of [['install'], ['systemd', 'install', '--enable']]) await host.install(...words);
  return host;
}

const said = ({ code, stdout, stderr }: RunResult): string => `${String(code)}\n${stdout}${stderr}`;

for (const shell of SHELLS) {
  const missing = await missingCommand([shell[0]]);
  test(`${shell.join(' ')} passes words, bytes and the exit status as they are`, { skip: missing }, async (t) => {
    const host = await installed(t);
    await host.program(
      'podman',
      'while [ "$1" != psi ]; do shift; done; shift 2; printf "<%s>" "$@" >&2; cat; exit "$(($# + 40))"',
    );
    const input = new Uint8Array(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
    const words = ['', 'a  b', "it's", '*', '$HOME', '-n', 'line\nbreak'];
    const done = await host.psi(words, { input, shell });
    assert.equal(done.stderr, words.map((word) => `<${word}>`).join(''));
    assert.ok(done.bytes.equals(input));
    assert.equal(done.code, 47);
  });
}

test('a signal goes to the command in the container, whose status is that of the call', async (t) => {
  const host = await installed(t);
  // One that takes no signal itself, and ends when the other call of it asks for that.
  await host.program(
    'podman',
    `cd '${home(host)}'
    if [ "$2" = -i ]; then echo begun; until [ -f signal ]; do sleep 0.05; done; echo "got $(cat signal)"; exit 77; fi
    shift 5; [ "$1" = sh ] || exit 1; echo "$2 \${3:+of a call}" >signal`,
  );
  const script = `"$1" setup & call=$!; until [ -s out ]; do sleep 0.05; done; kill -TERM $call; wait $call; echo "status $?"`;
  const line = `cd '${home(host)}'; { ${script}; } >out; cat out`;
  const done = await run([...AS_USER, 'sh', '-c', line, 'sh', host.command], {
    env: { PATH: `${host.home}/bin:${process.env['PATH'] ?? ''}`, HOME: host.home },
    timeoutMs: 20_000,
  });
  assert.equal(done.stdout, 'begun\ngot TERM of a call\nstatus 77\n', said(done));
});

const home = (host: UserHost): string => host.home;

const STATES = [
  ['inactive', 'systemctl --user start psi.socket psi.service'],
  ['failed', 'journalctl --user -u psi.service'],
  ['masked', 'systemctl --user unmask psi.service'],
  ['not-found', 'psi systemd install --enable'],
] as const;

test('when psi does not run, its state, its last words and the next command are said, with 69', async (t) => {
  const host = await installed(t);
  await host.program('podman', '[ "$1 $2" = "image exists" ]');
  await mkdir(join(host.home, 'run/psi'), { recursive: true });
  for (const [state, hint] of STATES) {
    const load = state === 'masked' || state === 'not-found' ? state : 'loaded';
    await host.program('systemctl', `case $2 in is-active) echo ${state}; exit 3 ;; show) echo ${load} ;; esac`);
    const down = await host.psi(['status']);
    assert.equal(down.code, 69, said(down));
    assert.equal(
      down.stderr,
      `the last line of its journal: its last words\nerror: psi does not run: psi.service is ${state}\nhint: ${hint}\n`,
    );
  }
  await writeFile(join(host.home, 'run/psi/start-failed'), 'psi.service failed to start 3 times in a row\nmore\n');
  await host.program('podman', 'exit 1');
  await host.program('systemctl', 'case $2 in is-active) echo activating ;; show) echo loaded ;; esac');
  const failed = await host.psi(['status']);
  assert.match(failed.stderr, /^psi\.service failed to start 3 times in a row$/m);
  assert.match(failed.stderr, /^hint: the image is not here: podman pull localhost\/psi:latest /m);
});

const PSI = `"curl () { :; }; 'x-psi-command: 2' http://localhost/lookup/$SECRET_ID" "curl -H 'x-psi-command: 2' http://localhost/store/$SECRET_ID"`;
const PYTHON_PSI = `"curl -sf --unix-socket /run/psi/psi.sock http://localhost/lookup/$SECRET_ID" "curl -sf --unix-socket /run/psi/psi.sock -X POST http://localhost/store/$SECRET_ID"`;
/** As Podman shows secrets: id, driver, name, two commands. The first two are PSI's. */
const SECRETS = [
  `id1 shell app--A ${PSI}`,
  `id2 shell old--B ${PYTHON_PSI}`,
  `id3 shell app--C "cat /secrets/$SECRET_ID" "cat >/secrets/$SECRET_ID"`,
  `id4 shell plain ${PSI}`,
  `id5 file app--D "" ""`,
  `id6 shell a b--c ${PSI}`,
];

/** Without an image, and with these secrets; what is removed stands in the file `removed`. */
async function withoutImage(t: AtEnd, containers = '', config?: (home: string) => string): Promise<UserHost> {
  const host = await installed(t, config);
  await writeFile(join(host.home, 'secrets'), `${SECRETS.join('\n')}\n`);
  await writeFile(join(host.home, 'containers'), containers);
  await host.program(
    'podman',
    `cd '${home(host)}'; case "$1 $2" in
    'image exists') exit 1 ;;
    'secret ls') cut -d' ' -f1 secrets ;;
    'secret inspect') cat secrets ;;
    'secret rm') [ ! -f refuse ] || exit 1; SECRET_ID=$3 sh -c 'curl -sf --unix-socket /nowhere -X DELETE http://localhost/delete/$SECRET_ID' && echo "$3" >>removed && sed -i "/^$3 /d" secrets ;;
    'ps --all') cut -d' ' -f1 containers ;;
    'container inspect') cat containers ;;
    *) exit 125 ;; esac`,
  );
  await host.program('systemctl', `echo "$@" >>'${home(host)}/asked'; [ "$3" != is-active ]`);
  const dropIn = join(host.home, '.config/containers/systemd/app.container.d');
  await mkdir(dropIn, { recursive: true });
  await writeFile(join(dropIn, '50-secrets.conf'), '# Written by PSI (psi setup). Changes here are overwritten.\n');
  return host;
}

const FOREIGN = ['systemd/user/psi-mine.service', 'containers/systemd/web.container.d/50-secrets.conf'];

async function tree(host: UserHost): Promise<readonly string[]> {
  return (await readdir(host.home, { recursive: true })).filter((path) => !path.startsWith('bin')).sort();
}

test('a host without the image is uninstalled in the order of psi uninstall, and what is not of psi stays', async (t) => {
  const host = await withoutImage(t, '', (at) => `metrics: {textfile_dir: ${join(at, 'figures')}}\n`);
  const figures = join(host.home, 'figures');
  await mkdir(figures);
  for (const name of ['psi.prom', '.psi.prom.0123456789ab.tmp', 'other.prom'])
    await writeFile(join(figures, name), 'x');
  const config = join(host.home, '.config');
  await mkdir(join(config, 'containers/systemd/web.container.d'));
  for (const path of FOREIGN) await writeFile(join(config, path), '# mine\n');
  await writeFile(join(host.home, '.local/share/psi/6c719ea8b547ffa5156adfa5e'), '{}');
  await writeFile(join(host.home, '.local/share/psi/notes.txt'), 'mine');
  await symlink('/etc/hostname', join(config, 'systemd/user/psi.timer'));
  const before = await tree(host);
  const plan = await host.psi(['uninstall']);
  assert.equal(plan.code, 3, said(plan));
  assert.deepEqual(await tree(host), before);
  assert.match(
    plan.stdout,
    /^would remove drop-in app\.container\nwould remove secret app--A\nwould remove secret old--B\n/,
  );
  const done = await host.psi(['uninstall', '--apply']);
  assert.equal(done.code, 4, said(done));
  assert.equal(await readFile(join(host.home, 'removed'), 'utf8'), 'id1\nid2\n');
  const left = [...done.stderr.matchAll(/^left: ([^:]*):/gm)].map(([, path = '']) => path.slice(host.home.length + 1));
  assert.deepEqual(left.sort(), [
    '.config/systemd/user/psi-mine.service',
    '.config/systemd/user/psi.timer',
    '.local/share/psi',
  ]);
  assert.deepEqual(await readdir(figures), ['other.prom']);
  const rest = (await tree(host)).filter((path) => /psi|50-secrets/.test(path));
  assert.deepEqual(rest, [
    '.config/containers/systemd/web.container.d/50-secrets.conf',
    '.config/psi',
    '.config/psi/config.yaml',
    '.config/systemd/user/psi-mine.service',
    '.config/systemd/user/psi.timer',
    '.local/share/psi',
    '.local/share/psi/notes.txt',
  ]);
  const stopped = [...(await readFile(join(host.home, 'asked'), 'utf8')).matchAll(/ stop (.*)/g)].map(
    ([, unit]) => unit,
  );
  assert.deepEqual([stopped[0], stopped.at(-1)], ['psi.socket', 'psi.service']);
  assert.ok(!stopped.includes('psi-mine.service'), stopped.join(' '));
});

test('a container that names a secret keeps all as it is, but with --force', async (t) => {
  const host = await withoutImage(
    t,
    'web "run"\nweb "--secret"\nweb "app--A,type=env,target=A"\ndb "id2"\nother "app--C"\n',
  );
  const before = await tree(host);
  const blocked = await host.psi(['uninstall', '--apply']);
  assert.equal(blocked.code, 4, said(blocked));
  assert.deepEqual(
    [...blocked.stderr.matchAll(/^left: (\w+):/gm)].map(([, name]) => name),
    ['web', 'db'],
  );
  assert.deepEqual(await tree(host), before);
  const forced = await host.psi(['uninstall', '--apply', '--force', '--keep-state']);
  assert.equal(forced.code, 0, said(forced));
  await access(join(host.home, '.local/share/psi'));
});

test('a mapping that may hold a value itself keeps all as it is, with --force too', async (t) => {
  const host = await withoutImage(t);
  const mappings = {
    ordinary: '{"provider":"infisical","project":"main","path":"/format","key":"format"}',
    blob: '{"provider":"nitrokeyhsm","blob":"AQA="}',
    newer: '{"provider":"infisical","format":2,"kept":"in some new way"}',
  };
  for (const [id, text] of Object.entries(mappings)) await writeFile(join(host.home, '.local/share/psi', id), text);
  const before = await tree(host);
  const blocked = await host.psi(['uninstall', '--apply', '--force']);
  assert.equal(blocked.code, 4, said(blocked));
  assert.deepEqual(
    [...blocked.stderr.matchAll(/^left: (\w+):/gm)].map(([, name]) => name),
    ['blob', 'newer'],
  );
  assert.match(blocked.stderr, /^left: newer: a newer psi wrote its mapping, which may hold the value itself/m);
  assert.deepEqual(await tree(host), before);
  for (const id of ['blob', 'newer']) await rm(join(host.home, '.local/share/psi', id));
  assert.equal((await host.psi(['uninstall', '--apply'])).code, 0);
});

test('a secret that podman does not let go keeps the units and the command, which then goes on', async (t) => {
  const host = await withoutImage(t);
  await writeFile(join(host.home, 'refuse'), '');
  const failed = await host.psi(['uninstall', '--apply']);
  assert.equal(failed.code, 1, said(failed));
  assert.match(failed.stderr, /^error: secret app--A is still there\nhint: run the same command again/m);
  await access(join(host.unitDir, 'psi.socket'));
  await rm(join(host.home, 'refuse'));
  const again = await host.psi(['uninstall', '--apply']);
  assert.equal(again.code, 0, said(again));
  await assert.rejects(access(host.command));
  assert.deepEqual(
    (await tree(host)).filter((path) => path.includes('.psi-uninstall')),
    [],
  );
});

test('a psi of somebody else is never overwritten, and the shell function stands in for it', async (t) => {
  const host = await installed(t);
  await writeFile(host.command, '#!/bin/sh\necho mine\n');
  const done = await host.install('install');
  assert.equal(done.code, 4, said(done));
  assert.match(done.stderr, /^left: .*\/\.local\/bin\/psi: .* was not written by psi$/m);
  assert.match(done.stderr, /^hint: .*psi\(\) \{/m);
  assert.equal(await readFile(host.command, 'utf8'), '#!/bin/sh\necho mine\n');
});
