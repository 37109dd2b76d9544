// The lookup helper on a host: put there and taken away by `psi install`, kept up to date by the service, and what `psi status` makes of what can
// become of it meanwhile. A lookup is answered whatever that is.

import assert from 'node:assert/strict';
import { access, chmod, copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { DriverFace } from '../fakes/podman.fake.ts';
import { runDriverCommand, type Ran } from '../hosts/driver-command.ts';
import { builtHelper } from '../hosts/lookup-helper.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const built = await builtHelper();
const foreign = await builtHelper('arm64');
const skip = built.ok ? false : built.reason;
const program = built.ok ? (built.argv[0] ?? '') : '';
const VALUE = 'a value\n';
const mounts = await run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).catch(() => undefined);

type Host = {
  readonly it: Observed;
  readonly folder: string;
  readonly helper: string;
  readonly install: (...words: readonly string[]) => Promise<RunResult>;
  readonly lookup: () => Promise<Ran>;
  readonly status: () => Promise<RunResult>;
};

async function host(t: TestContext): Promise<Host> {
  const driver: DriverFace = {
    store: async (id, body, { store = '' }) => {
      assert.equal((await runDriverCommand(store, { id, stdin: body })).code, 0);
    },
    delete: async (id, { delete: remove = '' }) => {
      assert.equal((await runDriverCommand(remove, { id })).code, 0);
    },
  };
  const it = await stage(t, { folders: { '/app': { A: VALUE } }, driver });
  await it.registered();
  const folder = join(it.options.dir, 'helper');
  return {
    ...{ it, folder, helper: join(folder, 'psi-lookup') },
    install: (...words) => it.psi.cli('install', ...words),
    lookup: async () => {
      const [secret] = await it.podman.list();
      assert.ok(secret);
      return runDriverCommand(secret.options['lookup'] ?? '', { id: secret.id });
    },
    status: () => it.psi.cli('status'),
  };
}

async function answers({ lookup }: Host): Promise<void> {
  const { code, stdout, stderr } = await lookup();
  assert.deepEqual([code, stdout.toString(), stderr], [0, VALUE, '']);
}

async function isBuilt(path: string): Promise<void> {
  assert.ok((await readFile(path)).equals(await readFile(program)));
  assert.equal((await stat(path)).mode & 0o7777, 0o755);
}

const gone = (path: string): Promise<void> => assert.rejects(access(path), { code: 'ENOENT' });

test('psi install puts it there, finds it in place, and takes it away with --no-helper', { skip }, async (t) => {
  const on = await host(t);
  const shown = await on.install('--stdout');
  assert.match(
    shown.stdout,
    new RegExp(`^# file ${on.helper} 0755 \\(the lookup helper, a program of \\d+ bytes\\)$`, 'm'),
  );
  await gone(on.folder);
  assert.match((await on.status()).stdout, /^lookup helper: none at \S+, lookups go by curl/m);
  for (const change of ['created', 'unchanged']) {
    const done = await on.install();
    assert.equal(done.code, 0, said(done));
    assert.match(done.stdout, new RegExp(`^${change} ${on.helper}$`, 'm'));
    await isBuilt(on.helper);
  }
  await answers(on);
  const status = await on.status();
  assert.equal(status.code, 0, said(status));
  assert.match(status.stdout, /^lookup helper: \d+\.\d+\.\d+ at \S+$/m);
  const json = (await on.it.psi.cli('status', '--json')).stdout;
  assert.match(json, /"lookupHelper":\s*\{\s*"path":.+,\s*"version":\s*"\d.+",\s*"lastLookupBy":\s*"helper"/);
  for (const change of [/^removed /m, /^(?!removed)/]) {
    const removed = await on.install('--no-helper');
    assert.deepEqual([removed.code, removed.stderr], [0, '']);
    assert.match(removed.stdout, change);
    await gone(on.folder);
  }
  await answers(on);
  assert.equal((await on.status()).code, 0);
  // The commands are the same with and without: nothing is registered anew.
  assert.equal((await on.it.psi.cli('setup', '--dry-run')).code, 0);
});

test('what is not psi’s own stays, and what cannot be written is said', { skip }, async (t) => {
  const on = await host(t);
  await mkdir(on.folder);
  await writeFile(on.helper, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  for (const flags of [[], ['--no-helper']]) {
    const left = await on.install(...flags);
    assert.equal(left.code, 4, said(left));
    assert.match(
      left.stderr,
      new RegExp(`^left: ${on.helper}: it is no program of psi, and was not put there by psi\nhint: `),
    );
  }
  const status = await on.status();
  assert.equal(status.code, 4);
  assert.match(status.stdout, /^warning the lookup helper \S+ is no program of psi: lookups go by curl/m);
  await answers(on);
  await rm(on.folder, { recursive: true });
  await writeFile(on.folder, '');
  const refused = await on.install();
  assert.equal(refused.code, 4, said(refused));
  assert.match(
    refused.stderr,
    new RegExp(`^left: ${on.helper}: cannot write .+\nhint: .+ until then lookups go by curl`),
  );
});

test(
  'a file system that executes nothing is said, with what to do',
  { skip: skip || (mounts?.code === 0 ? false : 'needs root, and mounts of its own') },
  async (t) => {
    const on = await host(t);
    await mkdir(on.folder);
    const script = 'mount -t tmpfs -o noexec none "$1" && shift && "$@"';
    const argv = ['unshare', '-m', 'sh', '-c', script, 'sh', on.folder, ...PSI_UNDER_TEST, 'install'];
    const done = await run(argv, { env: { PATH: process.env['PATH'], PSI_CONFIG: on.it.psi.configFile } });
    assert.equal(done.code, 4, said(done));
    assert.match(done.stderr, /it is where nothing may be executed \(`noexec`\)\nhint: set `lookup\.helper_dir`/);
  },
);

const OTHERS: readonly {
  readonly what: string;
  readonly make: (path: string) => Promise<unknown>;
  readonly said: RegExp;
  readonly skip?: string;
}[] = [
  { what: 'empty', make: (path) => truncate(path, 0), said: /is empty/ },
  { what: 'cut', make: (path) => truncate(path, 20_000), said: /is cut: 20000 of \d+ bytes/ },
  { what: 'not executable', make: (path) => chmod(path, 0o644), said: /is not executable \(mode 0644\)/ },
  { what: 'open to others', make: (path) => chmod(path, 0o777), said: /can be changed by others \(mode 0777\)/ },
  {
    what: 'of another architecture',
    make: (path) => copyFile(foreign.ok ? (foreign.argv[0] ?? '') : '', path),
    said: /is for another architecture: arm64/,
    ...(foreign.ok ? {} : { skip: foreign.reason }),
  },
  {
    what: 'of another version',
    make: async (path) => {
      const text = (await readFile(path)).toString('latin1').replace(/(psi-lookup \d+\.\d+\.)\d/, '$19');
      await writeFile(path, text, 'latin1');
    },
    said: /is of \d+\.\d+\.9, and this psi brings \d/,
  },
];

for (const { what, make, said: words, skip: lacks } of OTHERS) {
  test(
    `one that is ${what}: lookups are answered, status says so, the next start mends it`,
    { skip: lacks ?? skip },
    async (t) => {
      const on = await host(t);
      await on.install();
      // The service's first look at it is that of its start, in the first seconds, or that of a status.
      assert.equal((await on.status()).code, 0);
      await make(on.helper);
      await answers(on);
      const status = await on.status();
      assert.equal(status.code, 4, said(status));
      assert.match(status.stdout, words);
      assert.match(status.stdout, /^ +run `systemctl restart psi\.service`, which replaces it; or run `psi install`$/m);
      await on.it.restart();
      await answers(on);
      const after = await on.status();
      assert.equal(after.code, 0, said(after));
      await isBuilt(on.helper);
      await on.it.hasLogged(words);
    },
  );
}

test('one that was removed by hand is named, and is not put back by a start', { skip }, async (t) => {
  const on = await host(t);
  await on.install();
  await rm(on.helper);
  await answers(on);
  await on.it.restart();
  const status = await on.status();
  assert.equal(status.code, 4, said(status));
  assert.match(status.stdout, /^warning the lookup helper \S+ is gone: lookups go by curl.*\n +run `psi install`/m);
  await on.install();
  assert.equal((await on.status()).code, 0);
});
