// Each command that a hint prints about the cache, its key and certificates, run on the fault that prints it: it mends, or shows the cause. Twice in
// a row. Taken out of the hint as it is printed, and run as people would.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stringify } from 'yaml';

import { startInfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { makeTestAuthority } from '../doubles/infisical/test-authority.ts';
import { startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { answers, cacheStage, filled, from, type CacheStage } from './serve-cache-stage.ts';

const said = ({ code, stdout, stderr }: RunResult): string => `${String(code)}\n${stdout}\n${stderr}`;
const sh = (command: string): Promise<RunResult> => run(['sh', '-c', command]);

/** What stands between backquotes in the hints of an output. */
function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(/^(?:hint|.*; next): (.*)$/gm)].flatMap(([, hint = '']) =>
    [...hint.matchAll(/`([^`]+)`/g)].map(([, command = '']) => command),
  );
}

/** The words of a command for PSI; undefined for any other. */
const psiWords = (command: string): readonly string[] | undefined =>
  /^podman exec psi psi (.+)$/.exec(command)?.[1]?.split(' ');

// The cache

type Stage = CacheStage & { readonly keyFile: string; readonly started: () => Promise<PsiProcess> };

async function filledStage(t: TestContext): Promise<Stage> {
  const it = await cacheStage(t, { cache: { backend: 'credential' }, config: { lookup: { batch_window: 0 } } });
  const credentials = join(it.options.dir, 'credentials');
  const keyFile = join(credentials, 'psi-cache-key');
  await mkdir(credentials);
  await writeFile(keyFile, randomBytes(32));
  const start = async (): Promise<PsiProcess> => {
    const env = { PSI_CACHE_KEY_DIRECTORY: credentials };
    const psi = await startPsi({ ...it.options, env }, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    return psi;
  };
  const started = async (): Promise<PsiProcess> => {
    const psi = await start();
    while (/^cache: opening/m.test((await psi.cli('cache', 'status')).stdout));
    return psi;
  };
  const stage = { ...it, start: started, started, keyFile };
  await (await filled(stage)).stop();
  return stage;
}

/** Another process answers from the file alone. */
async function opensWithoutProvider(it: Stage): Promise<void> {
  await it.infisical.refuseConnections();
  const psi = await it.started();
  assert.deepEqual(await answers(psi), from('cache'));
  await psi.stop();
  await it.infisical.acceptConnections();
}

const flip = (bytes: Buffer, at: number, value: number): Buffer => {
  const other = Buffer.from(bytes);
  other[at < 0 ? bytes.length + at : at] = value;
  return other;
};

/** Where the first stanza begins, and in it a byte of the wrapped key (docs/cache-format.md). */
const [STANZA, KEY] = [52, 100];

const DEFECTS: readonly (readonly [string, (good: Buffer) => Buffer])[] = [
  ['is of a newer format', (good) => flip(good, 5, 3)],
  ['is of an older format', (good) => flip(good, 5, 0)],
  ['was written with another backend', (good) => flip(good, STANZA, 1)],
  ['has a kind of key that is not known', (good) => flip(good, STANZA, 9)],
  ['has a damaged header', (good) => flip(good, 6, 1)],
  ['was written by another program', () => Buffer.from('gAAAAABl')],
  ['was written by the Python PSI', () => Buffer.concat([Buffer.from('PSIC'), Buffer.of(1, 1), Buffer.alloc(99)])],
  ['is cut short', (good) => good.subarray(0, -1)],
  ['is longer', (good) => Buffer.concat([good, Buffer.alloc(1)])],
  ['is put together of two', (good) => flip(good, 9, (good[9] ?? 0) ^ 1)],
  ['has a damaged key', (good) => flip(good, KEY, (good[KEY] ?? 0) ^ 1)],
  ['has a stanza of another file', (good) => flip(good, STANZA + 9, (good[STANZA + 9] ?? 0) ^ 1)],
  ['has a stanza twice or lacks one', (good) => flip(good, STANZA + 1, 2)],
  ['was altered in its header', (good) => flip(good, 25, (good[25] ?? 0) ^ 1)],
  ['was altered in its content', (good) => flip(good, -1, (good.at(-1) ?? 0) ^ 1)],
];

test('a cache that is wrong in any way: the command of its hint makes one that opens, one after the other', async (t) => {
  const it = await filledStage(t);
  for (const [what, spoil] of DEFECTS) {
    await writeFile(it.cacheFile, spoil(await readFile(it.cacheFile)));
    const psi = await it.started();
    const status = await psi.cli('cache', 'status');
    const words = commandsIn(status.stdout)
      .map(psiWords)
      .find((found) => found?.join(' ') === 'cache refresh');
    assert.ok(words, what + said(status));
    const mended = await psi.cli(...words);
    assert.equal(mended.code, 0, what + said(mended));
    const after = await psi.cli('cache', 'status', '--verify');
    assert.equal(after.code, 0, what + said(after));
    assert.doesNotMatch(after.stdout, /problem since/, what);
    await psi.stop();
    for (const name of await readdir(dirname(it.cacheFile)))
      if (name.startsWith('cache.enc.bad')) await rm(join(dirname(it.cacheFile), name));
  }
  await opensWithoutProvider(it);
});

test('a key of another credential: both roads of the hint lead to a cache that opens', async (t) => {
  const it = await filledStage(t);
  const old = await readFile(it.keyFile);
  for (const road of ['bring it back', 'wrap anew']) {
    const before = await readFile(it.keyFile);
    await writeFile(it.keyFile, randomBytes(32));
    const psi = await it.started();
    const status = await psi.cli('cache', 'status');
    assert.match(
      status.stdout,
      /hint: bring back the old psi-cache-key, then `systemctl restart psi-cache-key\.service psi\.service`/,
    );
    if (road === 'bring it back') await writeFile(it.keyFile, before);
    else {
      const words =
        commandsIn(status.stdout)
          .map(psiWords)
          .find((found) => found !== undefined) ?? assert.fail(said(status));
      assert.equal((await psi.cli(...words)).code, 0);
    }
    await psi.stop();
    await opensWithoutProvider(it);
  }
  assert.notDeepEqual(await readFile(it.keyFile), old);
});

test('four that lie aside: the hint lists them, and with one gone a restart goes on', async (t) => {
  const it = await filledStage(t);
  const folder = dirname(it.cacheFile);
  const names = ['cache.enc.bad', 'cache.enc.bad.2', 'cache.enc.bad.3', 'cache.enc.bad.4'];
  const good = await readFile(it.cacheFile);
  for (const again of [1, 2]) {
    for (const name of names) await writeFile(join(folder, name), name);
    await writeFile(it.cacheFile, good.subarray(0, -1));
    const psi = await it.started();
    const status = await psi.cli('cache', 'status');
    const [list = ''] = commandsIn(status.stdout);
    const listed = await sh(list);
    for (const name of names) assert.ok(listed.stdout.includes(join(folder, name)), said(listed) + said(status));
    await psi.stop();
    await rm(join(folder, 'cache.enc.bad.3'));
    const next = await it.started();
    assert.match((await next.cli('cache', 'status')).stdout, /^set aside: \S+cache\.enc\.bad\.3/m, String(again));
    await next.stop();
  }
});

// Certificates

type Bundle = {
  readonly dir: string;
  readonly ca: string;
  readonly login: (more: Readonly<Record<string, unknown>>) => Promise<RunResult>;
};

const CLIENT = { clientId: 'client-1', clientSecret: 'canary-client-secret' };

async function bundleStage(
  t: TestContext,
): Promise<Bundle & { readonly client: { cert: string; key: string }; readonly other: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-hints-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const [authority, other] = [await makeTestAuthority(), await makeTestAuthority()];
  const double = await startInfisicalDouble({
    tls: authority.server,
    seed: { identities: [CLIENT], projects: [{ id: 'project-1', environments: ['prod'] }] },
  });
  t.after(() => double.close());
  await writeFile(join(dir, 'ca.pem'), authority.ca);
  const password = { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
  return {
    dir,
    ca: authority.ca,
    client: { cert: authority.client.cert, key: authority.client.key },
    other: other.client.key,
    login: async (more) => {
      const infisical = { api_url: double.url, ca_cert: join(dir, 'ca.pem'), auth: password, projects: {}, ...more };
      const config = { state_dir: join(dir, 'state'), providers: { infisical } };
      await writeFile(join(dir, 'config.yaml'), stringify(config), { mode: 0o600 });
      const env = { PATH: process.env['PATH'] };
      return run([...PSI_UNDER_TEST, '-c', join(dir, 'config.yaml'), 'infisical', 'login'], { env });
    },
  };
}

test('an authority in DER: the command makes a file that psi takes', async (t) => {
  const it = await bundleStage(t);
  const der = join(it.dir, 'ca.der');
  await sh(`openssl x509 -in ${join(it.dir, 'ca.pem')} -outform DER -out ${der}`);
  for (const again of [1, 2]) {
    const refused = await it.login({ ca_cert: der });
    assert.notEqual(refused.code, 0);
    const [convert = ''] = commandsIn(`${refused.stdout}\n${refused.stderr}`);
    assert.equal((await sh(convert)).code, 0, said(refused));
    const named = /-out (\S+)/.exec(convert)?.[1];
    assert.equal((await it.login({ ca_cert: named })).code, 0, String(again));
  }
});

test('a damaged, an empty and a foreign bundle: the command shows the cause', async (t) => {
  const it = await bundleStage(t);
  const bundle = join(it.dir, 'bundle.pem');
  for (const text of [it.ca.replace(/^(-----BEGIN.*\n.*\n).*\n/, '$1'), '', 'no pem at all\n', it.client.key]) {
    await writeFile(bundle, text);
    for (const again of [1, 2]) {
      const refused = await it.login({ ca_cert: bundle });
      assert.notEqual(refused.code, 0);
      const [look = ''] = commandsIn(`${refused.stdout}\n${refused.stderr}`);
      assert.ok(look.includes(bundle), said(refused));
      const shown = await sh(look);
      if (text === '') assert.match(shown.stdout, / 0 /);
      else assert.notEqual(shown.code, 0, `${String(again)}: ${look} passes on what psi refuses`);
    }
  }
});

test('a client key that psi cannot read: the command mends it or shows the cause', async (t) => {
  const it = await bundleStage(t);
  const [cert, key] = [join(it.dir, 'client.pem'), join(it.dir, 'client.key')];
  await writeFile(cert, it.client.cert);
  await writeFile(join(it.dir, 'good.key'), it.client.key);
  const auth = { method: 'tls-cert', identity_id: 'i', certificate: { file: cert }, private_key: { file: key } };
  const login = (file = key): Promise<RunResult> => it.login({ auth: { ...auth, private_key: { file } } });
  const refusal = async (): Promise<readonly string[]> => {
    const refused = await login();
    const text = `${refused.stdout}\n${refused.stderr}`;
    assert.match(text, /private_key/);
    const commands = commandsIn(text);
    assert.ok(commands.length > 0, text);
    return commands;
  };
  for (const again of [1, 2]) {
    await sh(`openssl pkey -in ${join(it.dir, 'good.key')} -outform DER -out ${key}`);
    const [convert = ''] = await refusal();
    assert.equal((await sh(convert)).code, 0, convert);
    const named = /-out (\S+)/.exec(convert)?.[1];
    assert.doesNotMatch(said(await login(named)), /private_key/, String(again));

    await sh(`openssl pkey -in ${join(it.dir, 'good.key')} -aes256 -passout pass:canary -out ${key}`);
    const [plain = ''] = await refusal();
    assert.equal((await sh(`${plain} -passin pass:canary`)).code, 0, plain);
    assert.doesNotMatch(said(await login(/-out (\S+)/.exec(plain)?.[1])), /private_key/);

    await writeFile(key, it.client.key.replace(/^(-----BEGIN.*\n).*\n/, '$1'));
    const [why = ''] = await refusal();
    assert.notEqual((await sh(why)).code, 0, why);

    await writeFile(key, 'not a key\n');
    const [look = ''] = await refusal();
    assert.doesNotMatch((await sh(look)).stdout, /BEGIN/);

    await writeFile(key, it.other);
    const [own = '', wanted = ''] = await refusal();
    const [first, second] = [await sh(own), await sh(wanted)];
    assert.deepEqual([first.code, second.code], [0, 0]);
    assert.notEqual(first.stdout, second.stdout);
  }
});
