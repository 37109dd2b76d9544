// A cache that cannot be opened while Infisical is down: the file stays as it is, the failed lookup says why it was not answered from it and
// what to run, and what the hint says works, twice in a row. By commands, sockets and files alone.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { answers, cacheStage, filled, from, lookup, type CacheStage } from './serve-cache-stage.ts';

type Cache = Readonly<Record<string, unknown>>;

const AGAIN = [1, 2] as const;
const NO_TPM = { backend: 'tpm', tpm: { tcti: 'device:/nowhere/tpm', pcrs: [] } };

type Stage = CacheStage & {
  readonly keyFile: string;
  readonly startWith: (cache: Cache) => Promise<PsiProcess>;
  readonly aside: () => Promise<readonly string[]>;
};

/** With its cache filled, and nothing running. */
async function filledStage(t: TestContext, cache: Cache = { backend: 'credential' }): Promise<Stage> {
  const it = await cacheStage(t, { cache, config: { lookup: { batch_window: 0 } } });
  const credentials = join(it.options.dir, 'credentials');
  const keyFile = join(credentials, 'psi-cache-key');
  await mkdir(credentials);
  await writeFile(keyFile, randomBytes(32));
  const env = { PSI_CACHE_KEY_DIRECTORY: credentials };
  const startWith = async (wanted: Cache): Promise<PsiProcess> => {
    const config = { ...it.options.config, cache: wanted };
    const psi = await startPsi({ ...it.options, config, env }, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    while ((await stateOf(psi)) === 'opening');
    return psi;
  };
  const start = () => startWith(cache);
  const folder = dirname(it.cacheFile);
  const aside = async () => (await readdir(folder)).filter((name) => name.startsWith('cache.enc.')).sort();
  const stage = { ...it, start, startWith, keyFile, aside };
  await (await filled(stage)).stop();
  return stage;
}

/** As people read it: `--json` is another in older trees. */
async function stateOf(psi: PsiProcess): Promise<string | undefined> {
  const { stdout, stderr } = await psi.cli('cache', 'status');
  return /^cache: (\w+)/m.exec(stdout)?.[1] ?? assert.fail(stdout + stderr);
}

/** The line that the driver's command prints. */
async function failedLine(psi: PsiProcess): Promise<string> {
  const { status, headers } = await lookup(psi, 'A');
  assert.notEqual(status, 200);
  const line = String(headers['psi-hint']);
  assert.ok(line.length <= 500, line);
  return line;
}

/** Started, asked, stopped: the line of a failed lookup, and what the status says. */
async function seen(it: Stage, cache: Cache): Promise<{ readonly line: string; readonly state: string | undefined }> {
  const psi = await it.startWith(cache);
  const line = await failedLine(psi);
  const state = await stateOf(psi);
  await psi.stop();
  return { line, state };
}

test('a mistyped backend leaves the cache where it is, and putting it back opens it', async (t) => {
  const it = await filledStage(t);
  await it.infisical.refuseConnections();
  const before = await readFile(it.cacheFile);
  for (const again of AGAIN) {
    const { line, state } = await seen(it, NO_TPM);
    assert.deepEqual([await readFile(it.cacheFile).catch(() => 'gone'), await it.aside()], [before, []], String(again));
    assert.equal(state, 'locked');
    assert.match(
      line,
      /cache\.enc was written with another `cache\.backend` than the config names \(it was credential\)/,
    );
    assert.match(line, /set `cache\.backend` back and `systemctl restart psi\.service`/);
    // What the hint says.
    const psi = await it.start();
    assert.deepEqual(await answers(psi), from('cache'));
    await psi.stop();
  }
});

test('values that are learned beside a locked cache are not saved over it', async (t) => {
  const it = await filledStage(t);
  const before = await readFile(it.cacheFile);
  const psi = await it.startWith(NO_TPM);
  assert.deepEqual(await answers(psi), from('live'));
  await psi.stop();
  assert.deepEqual([await readFile(it.cacheFile).catch(() => 'gone'), await it.aside()], [before, []]);
});

for (const [what, at, value, said] of [
  ['of a newer psi', 5, 3, /is newer than format 2.*start that one again/],
  ['with a kind of key that this psi does not know', 52, 9, /names a kind of key that this psi does not know/],
  ['whose header is damaged', 6, 1, /has a damaged header/],
  ['of the python psi', 4, 1, /is one of the python psi, which this psi does not read/],
] as const) {
  test(`a cache ${what} is left as it is`, async (t) => {
    const it = await filledStage(t);
    await it.infisical.refuseConnections();
    const good = await readFile(it.cacheFile);
    const other = Buffer.from(good);
    other[at] = value;
    for (const again of AGAIN) {
      await writeFile(it.cacheFile, other);
      const { line } = await seen(it, { backend: 'credential' });
      assert.deepEqual(
        [await readFile(it.cacheFile).catch(() => 'gone'), await it.aside()],
        [other, []],
        String(again),
      );
      assert.match(line, said);
      await writeFile(it.cacheFile, good);
      const psi = await it.start();
      assert.deepEqual(await answers(psi), from('cache'));
      await psi.stop();
    }
  });
}

test('another credential, or none, is named by the lookup that fails, and bringing the old one back opens the cache', async (t) => {
  const it = await filledStage(t);
  await it.infisical.refuseConnections();
  const before = await readFile(it.cacheFile);
  const key = await readFile(it.keyFile);
  for (const spoil of [
    () => writeFile(it.keyFile, randomBytes(32)),
    () => rename(it.keyFile, `${it.keyFile}.away`),
    () => writeFile(it.keyFile, 'text'),
  ]) {
    await spoil();
    const { line } = await seen(it, { backend: 'credential' });
    assert.match(line, /the cache cannot be opened: the credential psi-cache-key .*hint: /);
    assert.deepEqual([await readFile(it.cacheFile), await it.aside()], [before, []]);
    await writeFile(it.keyFile, key);
    const psi = await it.start();
    assert.deepEqual(await answers(psi), from('cache'));
    await psi.stop();
  }
});

test('a damaged cache is set aside beside those of before, and the lookup says so with the command that fills a new one', async (t) => {
  const it = await filledStage(t);
  const good = await readFile(it.cacheFile);
  const cut = (round: number): Buffer => good.subarray(0, -round);
  for (const round of AGAIN) {
    await it.infisical.refuseConnections();
    await writeFile(it.cacheFile, cut(round));
    const psi = await it.startWith({ backend: 'credential' });
    const line = await failedLine(psi);
    assert.match(line, /the cache cannot be opened: .*cache\.enc is cut short/);
    assert.match(line, /`podman exec psi psi cache refresh` fills a new one, once infisical answers/);
    await psi.stop();
    await it.infisical.acceptConnections();
    const next = await it.start();
    assert.equal((await next.cli('cache', 'refresh')).code, 0);
    await it.infisical.refuseConnections();
    assert.deepEqual(await answers(next), from('cache'));
    await next.stop();
  }
  assert.deepEqual(await it.aside(), ['cache.enc.bad', 'cache.enc.bad.2']);
  for (const [name, round] of [
    ['cache.enc.bad', 1],
    ['cache.enc.bad.2', 2],
  ] as const) {
    assert.deepEqual(await readFile(join(dirname(it.cacheFile), name)), cut(round));
  }
});

test('when four lie aside the damaged one stays where it is, and the hint makes room', async (t) => {
  const it = await filledStage(t);
  await it.infisical.refuseConnections();
  const cut = (await readFile(it.cacheFile)).subarray(0, -1);
  await writeFile(it.cacheFile, cut);
  const names = ['cache.enc.bad', 'cache.enc.bad.2', 'cache.enc.bad.3', 'cache.enc.bad.4'];
  const folder = dirname(it.cacheFile);
  for (const name of names) await writeFile(join(folder, name), name);
  const { line, state } = await seen(it, { backend: 'credential' });
  assert.equal(state, 'locked');
  assert.match(line, /cache\.enc\.bad and those after it are taken/);
  assert.match(line, /`ls -l \S+cache\.enc\.bad\*` shows them: remove those that nobody needs any more/);
  assert.deepEqual([await it.aside(), await readFile(it.cacheFile)], [names, cut]);
  assert.equal(await readFile(join(folder, 'cache.enc.bad'), 'utf8'), 'cache.enc.bad');
});

test('a TPM that is gone, and a PCR that moved, are named by the lookup that fails, with the next command', async (t) => {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  const cache = { backend: 'tpm', tpm: { tcti: tpm.tcti, pcrs: [11] } };
  const it = await filledStage(t, cache);
  await it.infisical.refuseConnections();
  const before = await readFile(it.cacheFile);
  await tpm.powerOff();
  assert.match(
    (await seen(it, cache)).line,
    /the cache cannot be opened: no TPM (?:at|answers).*hint: on the host, `ls -l/,
  );
  await tpm.powerOn();
  const back = await it.start();
  assert.deepEqual(await answers(back), from('cache'));
  await back.stop();
  await tpm.extend(11);
  const { line } = await seen(it, cache);
  assert.match(line, /the cache cannot be opened: PCR 11 \(sha256\) changed since sealing/);
  assert.match(
    line,
    /`podman exec psi psi cache refresh` seals anew for this host as it is now, once infisical answers/,
  );
  assert.deepEqual(await readFile(it.cacheFile), before);
  await it.infisical.acceptConnections();
  const psi = await it.start();
  assert.equal((await psi.cli('cache', 'refresh')).code, 0);
  await psi.stop();
  await it.infisical.refuseConnections();
  assert.deepEqual(await answers(await it.start()), from('cache'));
});

test('without a file and without a key the cache does not pass for ready, and comes back by itself', async (t) => {
  const it = await filledStage(t);
  const kept = await readFile(it.keyFile);
  await Promise.all([rm(it.keyFile), rm(it.cacheFile)]);
  const psi = await it.start();
  const { code, stdout, stderr } = await psi.cli('cache', 'status', '--verify');
  assert.equal(code, 69, stdout + stderr);
  assert.doesNotMatch(stdout, /^cache: ready/m);
  assert.match(stderr, /error: the credential psi-cache-key cannot be read/);
  // The first command that the hint names is one of the host: the key is put back as that unit does it.
  await writeFile(it.keyFile, kept);
  const refreshed = await psi.cli('cache', 'refresh');
  assert.equal(refreshed.code, 0, refreshed.stdout + refreshed.stderr);
  assert.equal((await psi.cli('cache', 'status', '--verify')).code, 0);
  assert.deepEqual(await it.aside(), []);
});
