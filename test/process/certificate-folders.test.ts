// Certificates in folders that somebody else controls: the next key goes to nobody but root and its owner, whatever links he puts in the way, and
// at no moment do readers find a certificate with another key. By commands and files alone; as root, with another user beside.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { factsOfPair } from '../../src/adapters/files/certificate-pair.ts';
import { startInfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const CREDENTIALS = { clientId: 'tls-host', clientSecret: 'canary-client-secret-tls' };
const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
/** Nobody of this machine. */
const USER = 61_234;
const AS_USER = ['setpriv', `--reuid=${String(USER)}`, `--regid=${String(USER)}`, '--clear-groups'];
const skip = process.getuid?.() === 0 ? false : 'needs root';

type Stage = {
  readonly dir: string;
  readonly cert: string;
  readonly key: string;
  readonly tls: (...args: readonly string[]) => Promise<RunResult>;
  /** The serial number of the pair at the paths; undefined: there is none, or no pair. */
  readonly pair: () => Promise<string | undefined>;
};

/** `certs` and `private` below the folder, both root's. */
async function stage(t: TestContext, paths: { readonly cert?: string; readonly key?: string } = {}): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-folders-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  await chmod(dir, 0o755);
  await mkdir(join(dir, 'certs'), { mode: 0o755 });
  await mkdir(join(dir, 'private'), { mode: 0o700 });
  const [cert, key] = [join(dir, paths.cert ?? 'certs/web.pem'), join(dir, paths.key ?? 'private/web.key')];
  const double = await startInfisicalDouble({
    seed: { identities: [CREDENTIALS], projects: [{ id: 'p1' }], profiles: [{ id: PROFILE, project: 'p1' }] },
  });
  t.after(() => double.close());
  const output = { cert, key, chain: join(cert, '../chain.pem'), mode: '0644' };
  const web = { project: 'main', profile_id: PROFILE, common_name: 'web.example.com', output };
  const config = join(dir, 'config.yaml');
  const infisical = {
    api_url: double.url,
    auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: CREDENTIALS.clientSecret },
    projects: { main: { id: 'p1' } },
    tls: { certificates: { web } },
  };
  const text = stringify({ state_dir: join(dir, 'state'), dbus_socket: join(dir, 'no-bus'), providers: { infisical } });
  await writeFile(config, text, { mode: 0o600 });
  const env = { PATH: process.env['PATH'], PSI_CONFIG: config };
  return {
    dir,
    cert,
    key,
    tls: (...args) => run([...PSI_UNDER_TEST, 'infisical', 'tls', ...args], { env }),
    pair: async () => {
      const [leaf, secret] = await Promise.all([cert, key].map((path) => readFile(path, 'utf8').catch(() => '')));
      return factsOfPair(leaf ?? '', secret ?? '')?.serial;
    },
  };
}

const said = ({ code, stdout, stderr }: RunResult): string => `${String(code)}\n${stdout}\n${stderr}`;

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

async function asUser(...command: readonly string[]): Promise<RunResult> {
  return run([...AS_USER, ...command]);
}

/** All that the user can read of private keys below the folder. */
async function keysOfUser(dir: string): Promise<string> {
  return (await asUser('grep', '-rl', 'PRIVATE KEY', dir)).stdout;
}

/**
 * Looks for a pair again and again until the work is done; answers how often there was none. Who reads one file before and one after a
 * replacement looks again; twice in a row that does not happen.
 */
async function withoutPair<T>(it: Stage, work: Promise<T>): Promise<{ readonly result: T; readonly misses: number }> {
  let [done, misses] = [false, 0];
  const result = work.finally(() => {
    done = true;
  });
  result.catch(() => undefined);
  while (!done) if ((await it.pair()) === undefined && (await it.pair()) === undefined) misses += 1;
  return { result: await result, misses };
}

test('a store that the user of the folder has put in its place is given no key', { skip }, async (t) => {
  const it = await stage(t);
  const certs = join(it.dir, 'certs');
  assert.equal((await it.tls('issue')).code, 0);
  await chown(certs, USER, USER);
  // As the user, who cannot read the key but may rename the folder and make one that looks like it.
  const script = `cd ${certs} && mv .psi-web away && mkdir -p .psi-web/v-000000000000 && ln -s v-000000000000 .psi-web/current &&
    echo mine > .psi-web/current/key.pem && cp -L away/current/cert.pem .psi-web/current/cert.pem`;
  const swapped = await asUser('sh', '-c', script);
  assert.equal(swapped.code, 0, said(swapped));
  const renewed = await it.tls('renew', '--force');
  assert.equal(await keysOfUser(it.dir), '', said(renewed));
  assert.equal(renewed.code, 0, said(renewed));
  assert.ok(await it.pair());
  const { uid } = await stat(it.key);
  assert.deepEqual([uid, await mode(it.key)], [0, '600']);
  assert.equal(await mode(join(it.dir, 'private')), '700');
});

test('links that are swapped in a loop lead no key and no mode elsewhere', { skip }, async (t) => {
  const it = await stage(t);
  const certs = join(it.dir, 'certs');
  const precious = join(it.dir, 'private/precious');
  await mkdir(precious, { mode: 0o700 });
  assert.equal((await it.tls('issue')).code, 0);
  await chown(certs, USER, USER);
  const script = `cd ${certs} && mkdir own && while :; do
    mv .psi-web away 2>/dev/null; ln -s ${precious} .psi-web 2>/dev/null; rm -f .psi-web; ln -s own .psi-web 2>/dev/null; rm -f .psi-web
    mkdir -p own/v-000000000000; ln -sfn v-000000000000 own/current; echo mine > own/current/key.pem
    cp -r own .psi-web 2>/dev/null; rm -rf .psi-web; mv away .psi-web 2>/dev/null; done`;
  const swapper = spawn('setpriv', [...AS_USER.slice(1), 'sh', '-c', script], { stdio: 'ignore', detached: true });
  const ended = once(swapper, 'exit');
  try {
    for (let round = 0; round < 4; round += 1) {
      await it.tls('renew', '--force');
      assert.equal(await keysOfUser(it.dir), '', `round ${String(round)}`);
      assert.deepEqual([await mode(precious), await readdir(precious)], ['700', []]);
    }
  } finally {
    if (swapper.pid !== undefined) process.kill(-swapper.pid, 'SIGKILL');
    await ended;
  }
  const { code } = await it.tls('renew', '--force');
  assert.equal(code, 0);
  assert.ok(await it.pair());
  assert.ok(!(await realpath(it.key)).startsWith(certs), 'the key lies beside its path');
});

test(
  'what lies in such a folder today is in place, is named, and is moved without a moment without a pair',
  { skip },
  async (t) => {
    const it = await stage(t);
    const certs = join(it.dir, 'certs');
    assert.equal((await it.tls('issue')).code, 0);
    assert.ok((await realpath(it.key)).startsWith(certs));
    await chown(certs, USER, USER);
    const status = await it.tls('status');
    assert.match(status.stdout, /^web +web\.example\.com +valid /m);
    assert.ok(status.stdout.includes(`the user ${String(USER)} can change ${certs}`), said(status));
    assert.match(status.stdout, /hint: the next renewal moves it beside \S+web\.key/);
    assert.equal((await it.tls('renew')).code, 0);
    const before = await it.pair();
    const { result, misses } = await withoutPair(it, it.tls('renew', '--force'));
    assert.equal(result.code, 0, said(result));
    assert.equal(misses, 0);
    assert.notEqual(await it.pair(), before);
    assert.ok((await realpath(it.key)).startsWith(join(it.dir, 'private')));
    assert.deepEqual((await readdir(certs)).sort(), ['chain.pem', 'web.pem']);
    // Who read the certificate there still does, though he has no way to the key's folder.
    for (const path of [it.cert, join(certs, 'chain.pem')])
      assert.match((await asUser('cat', path)).stdout, /^-----BEGIN CERT/);
    assert.doesNotMatch((await it.tls('status')).stdout, /can change/);
    const again = await withoutPair(it, it.tls('renew', '--force'));
    assert.deepEqual([again.result.code, again.misses], [0, 0]);
    assert.match((await asUser('cat', it.cert)).stdout, /^-----BEGIN CERT/);
    assert.equal((await it.tls('renew')).stdout.includes('kept'), true);
  },
);

test(
  "where both folders are somebody else's a first key is refused by name, and one that is there is renewed where it is",
  { skip },
  async (t) => {
    const it = await stage(t);
    const folders = ['certs', 'private'].map((name) => join(it.dir, name));
    for (const folder of folders) await chown(folder, USER, USER);
    const refused = await it.tls('issue');
    assert.equal(refused.code, 1, said(refused));
    assert.ok(
      refused.stderr.includes(`the key is not written to ${it.key}: the user ${String(USER)} can change`),
      said(refused),
    );
    // The walk of the hint: the folder is root's again.
    for (const folder of folders) await chown(folder, 0, 0);
    assert.equal((await it.tls('renew')).code, 0);
    for (const folder of folders) await chown(folder, USER, USER);
    const before = await it.pair();
    const { result, misses } = await withoutPair(it, it.tls('renew', '--force'));
    assert.deepEqual([result.code, misses], [0, 0], said(result));
    assert.match(result.stdout, /web: the key lies in .*others.*\nhint: /);
    assert.notEqual(await it.pair(), before);
    assert.match((await it.tls('status')).stdout, /web: the key lies in .*others.*\nhint: /);
    // The other walk: a key that is meant for the owner of its folder.
    const made = await run(['install', '-o', String(USER), '-m', '0600', '/dev/null', it.key]);
    assert.equal(made.code, 0);
    const given = await it.tls('renew', '--force');
    assert.equal(given.code, 0, said(given));
    assert.equal((await stat(it.key)).uid, USER);
  },
);

test('folders that are links themselves get links that lead where they really are', { skip }, async (t) => {
  const it = await stage(t, { cert: 'web/certs/c.pem', key: 'web/private/c.key' });
  await mkdir(join(it.dir, 'web/certs'), { recursive: true });
  await mkdir(join(it.dir, 'data/deep/keys'), { recursive: true });
  await symlink(join(it.dir, 'data/deep/keys'), join(it.dir, 'web/private'));
  const issued = await it.tls('issue');
  assert.equal(issued.code, 0, said(issued));
  assert.ok(await it.pair());
  assert.match((await it.tls('renew')).stdout, /web: kept/);
});

test('a key that its group reads is read by it after a renewal, and the world reads none', { skip }, async (t) => {
  const it = await stage(t);
  await writeFile(it.key, 'an old key', { mode: 0o600 });
  await chown(it.key, 0, USER);
  await chmod(it.key, 0o644);
  for (const command of ['issue', 'renew']) {
    const result = await it.tls(command, '--force');
    assert.equal(result.code, 0, said(result));
    const { uid, gid } = await stat(it.key);
    assert.deepEqual([uid, gid, await mode(it.key)], [0, USER, '640']);
  }
});

test('the mode of a store that is there is not widened', { skip }, async (t) => {
  const it = await stage(t);
  assert.equal((await it.tls('issue')).code, 0);
  const store = join(it.dir, 'certs/.psi-web');
  await chmod(store, 0o700);
  assert.equal((await it.tls('renew', '--force')).code, 0);
  assert.deepEqual([await mode(store), (await lstat(store)).isDirectory()], ['700', true]);
  await rename(store, `${store}.away`);
  assert.equal((await it.tls('renew')).code, 0);
  assert.ok(await it.pair());
});
