// PSI as a process whose cache is sealed for a software TPM and for a recovery key: the TPM is lost while Infisical is down, and the
// command of the hint brings the values back; recipients that come and go; a kill at each step; a file of format 1.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { CredentialKeyWrapper } from '../../src/adapters/credential/key-wrapper.ts';
import { readBounded } from '../../src/adapters/files/file-calls.ts';
import type { CacheReport } from '../../src/cache/control.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { cacheEntry } from '../contract/cache-file.contract.ts';
import { compileKillPoint, isReplaced, KILL_POINTS } from '../doubles/kill-point/kill-point.ts';
import { oldFile } from '../fakes/old-cache-file.ts';
import { answerOf } from '../hosts/answer.ts';
import { startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import {
  answers,
  cacheStage,
  filled,
  from,
  KEYS,
  lookup,
  register,
  statusOf,
  untilOpened,
} from './serve-cache-stage.ts';
import type { CacheStage } from './serve-cache-stage.ts';

type Cache = Readonly<Record<string, unknown>>;

type Stage = CacheStage & {
  readonly tpm: SoftTpm;
  /** What age-keygen would have written. */
  readonly keyFile: string;
  readonly identity: string;
  readonly cache: Cache;
  readonly startWith: (cache: Cache, env?: Readonly<Record<string, string>>) => Promise<PsiProcess>;
};

async function stage(t: TestContext): Promise<Stage> {
  const tpm = await softTpm(t);
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const cache = { backend: 'tpm', recovery: recipient, tpm: { tcti: tpm.tcti, pcrs: [11] } };
  const it = await cacheStage(t, { cache });
  const keyFile = join(it.options.dir, 'recovery.key');
  await writeFile(keyFile, `# public key: ${recipient}\n${identity}\n`);
  const startWith = async (wanted: Cache, env: Readonly<Record<string, string>> = {}): Promise<PsiProcess> => {
    const psi = await startPsi({ ...it.options, config: { ...it.options.config, cache: wanted }, env }, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    await untilOpened(psi);
    return psi;
  };
  return { ...it, tpm, keyFile, identity, cache, startWith };
}

async function softTpm(t: TestContext): Promise<SoftTpm> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  return tpm;
}

/** The file was saved for a TPM and the recovery key; the board is another one, and Infisical is down. */
async function lostStage(t: TestContext): Promise<Stage> {
  const it = await stage(t);
  await (await filled(it)).stop();
  await it.infisical.refuseConnections();
  const board = await softTpm(t);
  return { ...it, tpm: board, cache: { ...it.cache, tpm: { tcti: board.tcti, pcrs: [11] } } };
}

async function recipientsOf(psi: PsiProcess, ...flags: readonly string[]): Promise<readonly string[]> {
  const report = answerOf((await psi.cli('cache', 'status', '--json', ...flags)).stdout) as CacheReport;
  return (report.recipients ?? []).map(({ kind, sealed, opens }) => `${kind} ${sealed ? String(opens) : 'unsealed'}`);
}

/** As people run what a hint says: the key comes in through a pipe. */
function recoverAsHinted(psi: PsiProcess, hint: string, keyFile: string): Promise<RunResult> {
  const words = /`podman exec -i psi psi (cache recover --identity -) < KEY_FILE`/.exec(hint)?.[1];
  assert.ok(words, `no command in: ${hint}`);
  const command = `exec "$@" ${words} < "$KEY_FILE"`;
  const env = { PATH: process.env['PATH'], PSI_CONFIG: psi.configFile, KEY_FILE: keyFile };
  return run(['sh', '-c', command, 'sh', ...PSI_UNDER_TEST], { env });
}

/** What the driver's command prints into the journal of the workload. */
const failedLine = async (psi: PsiProcess): Promise<string> => String((await lookup(psi, 'A')).headers['psi-hint']);

async function filesBelow(folder: string): Promise<readonly Buffer[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    names.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
  );
}

test('the TPM is lost while Infisical is down: the hint of the failed lookup brings the values back, for good', async (t) => {
  const it = await lostStage(t);
  const psi = await it.startWith(it.cache);
  const line = await failedLine(psi);
  assert.match(line, /the cache cannot be opened: sealed by another TPM/);
  assert.deepEqual(await recipientsOf(psi), ['tpm false', 'recovery null']);
  const recovered = await recoverAsHinted(psi, line, it.keyFile);
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.match(recovered.stdout, /^recovered: 3 entries; lookups are answered with them$/m);
  assert.match(recovered.stdout, /^sealed for tpm: opens$/m);
  assert.deepEqual(await answers(psi), from('cache'));
  assert.deepEqual(await recipientsOf(psi), ['tpm true', 'recovery null']);
  assert.equal(await psi.stop(), 0);
  // The new board opens it from here on, and the recovery key does so again when that one is lost too.
  const next = await it.startWith(it.cache);
  assert.deepEqual(await answers(next), from('cache'));
  const status = await statusOf(next, '--verify');
  assert.deepEqual([status.state, status.verified?.ok, status.setAside], ['ready', true, null]);
  assert.equal((await next.cli('cache', 'recover', '--identity', it.keyFile)).code, 0);
  await next.stop();
  // The private half went nowhere.
  const everything = Buffer.concat([
    Buffer.from(psi.log() + next.log()),
    ...(await filesBelow(join(it.options.dir, 'state'))),
  ]);
  const secret = it.identity.slice('AGE-SECRET-KEY-1'.length);
  assert.equal(everything.includes(secret), false);
  assert.equal(everything.includes('canary-value-a'), false);
});

test('another identity, a wrong file and none at all change nothing, and say what to give', async (t) => {
  const it = await lostStage(t);
  const psi = await it.startWith(it.cache);
  const before = await readFile(it.cacheFile);
  const other = join(it.options.dir, 'other.key');
  await writeFile(other, `${await generateX25519Identity()}\n`);
  for (const [file, code, said] of [
    [other, 65, /the identity opens nothing: the cache was sealed for age1/],
    [it.cacheFile, 65, /is no private key of age/],
    [join(it.options.dir, 'nowhere'), 74, /cannot read .*nowhere/],
  ] as const) {
    const refused = await psi.cli('cache', 'recover', '--identity', file);
    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, said);
  }
  assert.deepEqual(await readFile(it.cacheFile), before);
  assert.equal((await statusOf(psi)).state, 'locked');
});

test('with no TPM at all the values come back and the file stays; when there is one again it is sealed for that', async (t) => {
  const it = await lostStage(t);
  await it.tpm.powerOff();
  const psi = await it.startWith(it.cache);
  const before = await readFile(it.cacheFile);
  const recovered = await psi.cli('cache', 'recover', '--identity', it.keyFile);
  assert.equal(recovered.code, 69, recovered.stderr);
  assert.match(recovered.stdout, /not sealed anew; the file is as it was/);
  assert.deepEqual(await answers(psi), from('cache'));
  assert.deepEqual(await readFile(it.cacheFile), before);
  await it.tpm.powerOn();
  const resealed = await psi.cli('cache', 'reseal');
  assert.equal(resealed.code, 0, resealed.stderr);
  await psi.stop();
  assert.deepEqual(await answers(await it.startWith(it.cache)), from('cache'));
});

test('a PCR that moved is a reseal away where something else opens the file', async (t) => {
  const it = await stage(t);
  await (await filled(it)).stop();
  await it.infisical.refuseConnections();
  await it.tpm.extend(11);
  const psi = await it.startWith(it.cache);
  assert.equal((await statusOf(psi)).problem?.reason, 'policy');
  assert.notEqual((await psi.cli('cache', 'reseal')).code, 0, 'nothing is written over what nobody has opened');
  assert.equal((await psi.cli('cache', 'recover', '--identity', it.keyFile)).code, 0);
  await psi.stop();
  assert.deepEqual(await answers(await it.startWith(it.cache)), from('cache'));
});

test('a recovery key that comes and goes: a restart and a reseal, and the status tells what is missing', async (t) => {
  const it = await stage(t);
  const { recovery, ...without } = it.cache;
  const first = await it.startWith(without);
  await register(first);
  assert.equal((await first.cli('cache', 'refresh')).code, 0);
  assert.deepEqual(await recipientsOf(first), ['tpm true']);
  const none = await first.cli('cache', 'recover', '--identity', it.keyFile);
  assert.deepEqual([none.code, /was sealed for no recovery key/.test(none.stderr)], [66, true], none.stderr);
  await first.writeConfig({ ...it.options, config: { cache: { ...without, recovery } } });
  const early = await first.cli('cache', 'reseal');
  assert.equal(early.code, 78, early.stderr);
  assert.match(early.stderr, /`systemctl restart psi\.service`, then `podman exec psi psi cache reseal`/);
  await first.stop();

  const second = await it.startWith(it.cache);
  assert.deepEqual(await recipientsOf(second), ['tpm true', 'recovery unsealed']);
  assert.match(
    (await second.cli('cache', 'status')).stdout,
    /^not sealed for recovery age1\S+, which the config names\nhint: .* cache reseal/m,
  );
  assert.equal((await second.cli('cache', 'reseal')).code, 0);
  assert.deepEqual(await recipientsOf(second), ['tpm true', 'recovery null']);
  await second.stop();

  const third = await it.startWith(without);
  assert.match(
    (await third.cli('cache', 'status')).stdout,
    /^sealed for recovery age1\S+, which the config does not name\nhint: .* cache reseal/m,
  );
  assert.equal((await third.cli('cache', 'reseal')).code, 0);
  assert.deepEqual(await recipientsOf(third), ['tpm true']);
  assert.deepEqual(await answers(third), from('cache'));
});

test('killed at any step of a recovery, the file opens with the recovery key or for the new board, whole', async (t) => {
  const it = await lostStage(t);
  const { dir } = it.options;
  const armed = join(dir, 'kill-point');
  const env = { LD_PRELOAD: await compileKillPoint(dir), KILL_POINT_FILE: armed };
  const lost = await readFile(it.cacheFile);
  for (const point of KILL_POINTS) {
    await writeFile(it.cacheFile, lost);
    const psi = await it.startWith(it.cache, env);
    await writeFile(armed, point);
    assert.notEqual((await psi.cli('cache', 'recover', '--identity', it.keyFile)).code, 0, point);
    assert.equal(await psi.ended, 'SIGKILL', point);
    await rm(armed);
    // What the kernel's resource manager does for the dead.
    for (const kind of ['-t', '-l']) await it.tpm.tool('flushcontext', kind);
    const after = await it.startWith(it.cache);
    if (!isReplaced(point)) {
      assert.deepEqual(await readFile(it.cacheFile), lost, point);
      assert.equal((await after.cli('cache', 'recover', '--identity', it.keyFile)).code, 0, point);
    }
    assert.deepEqual(await answers(after), from('cache'), point);
    assert.equal((await statusOf(after)).setAside, null);
    await after.stop();
  }
  const left = (await readdir(dirname(it.cacheFile))).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
});

test('a file of format 1 is answered from, and is of format 2 after a reseal', async (t) => {
  const it = await cacheStage(t, { cache: { backend: 'credential' } });
  const credentials = join(it.options.dir, 'credentials');
  await mkdir(credentials);
  await writeFile(join(credentials, 'psi-cache-key'), randomBytes(32));
  const keys = new CredentialKeyWrapper(
    { readFile: (path) => readBounded(path, 4096) },
    { name: 'psi-cache-key', folder: credentials },
  );
  const dataKey = randomBytes(32);
  const entries = KEYS.map((key) => {
    const mapping = { provider: 'infisical', project: 'p', path: '/myapp', key };
    return { ...cacheEntry(key, `canary-value-${key.toLowerCase()}`, Date.now()), mapping };
  });
  const fields = {
    backend: 'credential',
    fileId: randomBytes(16),
    nonceField: randomBytes(8),
    writtenAt: Date.now(),
  } as const;
  const wrappedKey = await keys.wrap(new SecretValue(dataKey));
  await mkdir(dirname(it.cacheFile), { mode: 0o700 });
  await writeFile(it.cacheFile, oldFile(entries, dataKey, { ...fields, wrappedKey }));
  await it.infisical.refuseConnections();
  const start = async (): Promise<PsiProcess> => {
    const psi = await it.start({ PSI_CACHE_KEY_DIRECTORY: credentials });
    await untilOpened(psi);
    return psi;
  };
  const psi = await start();
  await register(psi);
  assert.deepEqual(await answers(psi), from('cache'));
  assert.equal((await readFile(it.cacheFile)).readUInt16BE(4), 1);
  assert.equal((await psi.cli('cache', 'reseal')).code, 0);
  assert.equal((await readFile(it.cacheFile)).readUInt16BE(4), 2);
  await psi.stop();
  assert.deepEqual(await answers(await start()), from('cache'));
});
