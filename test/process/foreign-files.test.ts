// Files that others wrote for other readers: env files and quadlets, imported or named in the config. By commands and files alone.

import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { run, type RunResult } from '../hosts/run.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { PLACE, said, stage, type Observed } from './observed/stage.ts';

// The tree of this checkout may be closed to others.
const READING = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];

const WHERE = ['--project', 'main', '--path', '/new'];

function stored(it: Observed): Readonly<Record<string, string>> {
  const folders = it.infisical.state.projects.get(PLACE.project)?.environments.get(PLACE.environment)?.folders;
  return Object.fromEntries([...(folders?.get('/new')?.secrets.values() ?? [])].map(({ key, value }) => [key, value]));
}

async function file(it: Observed, name: string, text: string): Promise<string> {
  const path = join(it.options.dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function importEnv(it: Observed, text: string, ...flags: readonly string[]): Promise<RunResult> {
  const path = await file(it, 'x.env', text);
  return it.psi.cli('infisical', 'import', 'env-file', path, ...WHERE, ...flags);
}

describe('env files', () => {
  // Cases 10, 11 and 12, and their kin: the line, and what podman, systemd, a shell or dotenv would make another value of.
  const DISPUTED = [
    'PW=pa$$w0rd',
    'D=${x:-y}',
    'E="$x"',
    'W=C:\\temp\\new',
    'Q="C:\\temp\\new"',
    'A="Big Box" # display name',
    'B=Big Box # display name',
    'C=`x`',
    'export F=1',
  ];

  test('a line that readers take for different values is refused with its number and what to do', async (t) => {
    const it = await stage(t);
    const result = await importEnv(it, ['PLAIN=1', ...DISPUTED, 'QUOTED="two words"', "SINGLE='$x #'", ''].join('\n'));
    assert.deepEqual(stored(it), { PLAIN: '1', QUOTED: 'two words', SINGLE: '$x #' }, said(result));
    assert.equal(result.code, 1);
    for (const index of DISPUTED.keys()) {
      assert.match(result.stderr, new RegExp(`refused: \\w+ \\(.*x\\.env:${String(index + 2)}\\)`));
    }
    assert.match(result.stderr, /--reader podman/);
  });

  // What an older `env --format env` printed for podman and systemd.
  const OWN = 'HASH=b # c\nJSONV={"a": "b # c"}\nPW=pass#word\n';
  const OWN_VALUES = { HASH: 'b # c', JSONV: '{"a": "b # c"}', PW: 'pass#word' };

  test("a file for podman and systemd is never taken with dotenv's values", async (t) => {
    const it = await stage(t);
    const result = await importEnv(it, OWN);
    assert.deepEqual(stored(it), {}, said(result));
    assert.equal(result.code, 1);
  });

  for (const reader of ['podman', 'systemd']) {
    test(`a file for podman and systemd is taken as it is with --reader ${reader}`, async (t) => {
      const it = await stage(t);
      const result = await importEnv(it, OWN, '--reader', reader);
      assert.deepEqual(stored(it), OWN_VALUES, said(result));
      assert.equal(result.code, 0);
    });
  }

  const VALUES = {
    BACKSLASH: 'C:\\temp\\new',
    DOLLAR: 'pa$$w0rd ${x}',
    HASH: 'b # c',
    QUOTE: '"a" \'b\' `c`',
    QUOTED: '"x"',
    TAIL: 'x\\',
  };
  for (const [reader, values] of Object.entries({ podman: VALUES, systemd: { ...VALUES, LINES: 'one\n# two\nC=3' } })) {
    test(`what env prints for ${reader}, import takes back byte for byte`, async (t) => {
      const it = await stage(t, { folders: { '/app': values } });
      const printed = await it.env('/app', '--format', 'env', '--for', reader);
      assert.equal(printed.code, 0, said(printed));
      const result = await importEnv(it, printed.stdout, '--reader', reader);
      assert.deepEqual(stored(it), values, said(result));
    });
  }

  test('a reader that somebody names is believed', async (t) => {
    const it = await stage(t);
    const result = await importEnv(it, 'export A="one\\ntwo" # why\nW=C:\\new\n', '--reader', 'dotenv');
    assert.deepEqual(stored(it), { A: 'one\ntwo', W: 'C:\\new' }, said(result));
  });

  // E1
  test('a key that stands twice has its last value, as with every reader, and a note', async (t) => {
    const it = await stage(t);
    const result = await importEnv(it, 'A=1\nB=x\nA=2\n');
    assert.deepEqual(stored(it), { A: '2', B: 'x' }, said(result));
    assert.equal(result.code, 0);
    assert.match(result.stderr, /A \(.*x\.env:3\): line 1 gives it too/);
  });
});

describe('quadlets', () => {
  const importQuadlet = (it: Observed, unit: string): Promise<RunResult> =>
    it.psi.cli('infisical', 'import', 'quadlet', unit, ...WHERE);

  // Case 07
  test("%h and the system's folders are resolved", async (t) => {
    const it = await stage(t);
    const lines = '[Container]\nImage=localhost/x\nEnvironment=DATA=%h/data RUN=%t/x OTHER=%E,%S,%C,%L,%U,%u\n';
    const result = await importQuadlet(it, await file(it, 'systemd/app.container', lines));
    const OTHER = '/etc,/var/lib,/var/cache,/var/log,0,root';
    assert.deepEqual(stored(it), { DATA: '/root/data', RUN: '/run/x', OTHER }, said(result));
  });

  const root = process.getuid?.() === 0;
  const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

  function asUser(it: Observed, unit: string): Promise<RunResult> {
    const { dir } = it.options;
    const env = {
      PATH: process.env['PATH'],
      PSI_CONFIG: it.psi.configFile,
      HOME: join(dir, 'home'),
      XDG_RUNTIME_DIR: join(dir, 'run'),
    };
    const argv = [...PSI_UNDER_TEST, 'infisical', 'import', 'quadlet', unit, ...WHERE];
    return run([...NOBODY, ...READING, ...argv], { env });
  }

  // Case 07, as the user whose manager runs the unit.
  test("%h and the user's folders are resolved", { skip: root ? false : 'needs root' }, async (t) => {
    const it = await stage(t);
    const { dir } = it.options;
    await file(it, 'home/.config/containers/systemd/app.env', 'TOKEN=t\n');
    const unit = await file(
      it,
      'home/.config/containers/systemd/app.container',
      '[Container]\nEnvironmentFile=%h/.config/containers/systemd/app.env\nEnvironment=DATA=%h/data RUN=%t/x C=%E,%S,%C,%L U=%U,%u\n',
    );
    const result = await asUser(it, unit);
    const home = join(dir, 'home');
    assert.deepEqual(
      stored(it),
      {
        TOKEN: 't',
        DATA: `${home}/data`,
        RUN: `${join(dir, 'run')}/x`,
        C: `${home}/.config,${home}/.local/state,${home}/.cache,${home}/.local/state/log`,
        U: '65534,nobody',
      },
      said(result),
    );
  });

  // Case 08
  test('a % before a digit is refused with what to write, as systemd does not start such a unit', async (t) => {
    const it = await stage(t);
    const lines = '[Container]\nImage=localhost/x\nEnvironment=URL=postgres://u:p%40ss@db/x\nEnvironment=OK=p%%40ss\n';
    const result = await importQuadlet(it, await file(it, 'systemd/app.container', lines));
    assert.deepEqual(stored(it), { OK: 'p%40ss' }, said(result));
    assert.match(result.stderr, /refused: URL .*write %%40/);
    assert.equal(result.code, 1);
  });

  // F28: quadlets of an application lie in a folder of their own.
  test('a quadlet is found by its name in a folder below, with drop-ins beside it and above', async (t) => {
    const it = await stage(t);
    await file(it, 'systemd/apps/shop/shop.container', '[Container]\nEnvironment=A=1\n');
    await file(it, 'systemd/apps/shop.container.d/10-more.conf', '[Container]\nEnvironment=B=2\n');
    const result = await importQuadlet(it, 'shop.container');
    assert.deepEqual(stored(it), { A: '1', B: '2' }, said(result));
  });

  test("a user's quadlet is found in the runtime folder", { skip: root ? false : 'needs root' }, async (t) => {
    const it = await stage(t, { quadlet: false });
    await file(it, 'run/containers/systemd/app.container', '[Container]\nEnvironment=A=1\n');
    const result = await asUser(it, 'app.container');
    assert.deepEqual(stored(it), { A: '1' }, said(result));
  });
});

describe('folders of the distribution', () => {
  // F28: in a mount namespace, /usr/share/containers is a folder of the test.
  const root = process.getuid?.() === 0;
  test(
    "a user's quadlet is found in /usr/share/containers/systemd/users",
    { skip: root ? false : 'needs root' },
    async (t) => {
      const it = await stage(t);
      await file(it, 'share/systemd/users/shop/shop.container', '[Container]\nEnvironment=A=1\n');
      const { dir } = it.options;
      const place = `mount --bind ${join(dir, 'share')} /usr/share/containers && exec "$@"`;
      const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...READING];
      const argv = [...user, ...PSI_UNDER_TEST, 'infisical', 'import', 'quadlet', 'shop.container', ...WHERE];
      const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile, HOME: join(dir, 'home') };
      const result = await run(['unshare', '--mount', 'sh', '-c', place, 'sh', ...argv], { env });
      assert.deepEqual(stored(it), { A: '1' }, said(result));
    },
  );
});

describe('units that take no secrets', () => {
  // F18
  for (const [unit, what] of [
    ['app.pod', /name their \.container files/],
    ['app.kube', /write its containers as \.container files/],
  ] as const) {
    test(`\`unit: ${unit}\` is refused with its place and what to name instead`, async (t) => {
      const it = await stage(t, { folders: { '/app': { A: '1' } } });
      await it.psi.writeConfig({ ...it.options, workloads: { app: { unit, secrets: [] } } });
      const result = await it.setup();
      assert.equal(result.code, 78, said(result));
      assert.match(said(result), /config\.yaml:\d+:\d+ {2}workloads\.app\.unit/);
      assert.match(said(result), what);
    });

    test(`a workload of which only ${unit} is there gets no drop-in that nobody reads`, async (t) => {
      const it = await stage(t, { quadlet: false, folders: { '/app': { A: '1' } } });
      await file(it, `systemd/${unit}`, unit.endsWith('.pod') ? '[Pod]\n' : '[Kube]\nYaml=app.yaml\n');
      const result = await it.setup();
      assert.deepEqual(await readdir(it.psi.systemdDir), [unit], said(result));
      assert.notEqual(result.code, 0);
      assert.match(said(result), what);
      await file(it, 'systemd/app.container', '[Container]\nImage=localhost/x\n');
      assert.deepEqual(await it.registered(), ['A']);
      const dropIn = await readFile(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8');
      assert.match(dropIn, /Secret=app--A/);
    });
  }
});
