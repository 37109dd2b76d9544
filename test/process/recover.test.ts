// PSI as a process whose cache and sealed secrets are sealed for a software TPM and a recovery key: the TPM is lost while Infisical is down, and
// one command brings all of it back; killed anywhere, everything opens with the one or the other.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { unwrapWithIdentities } from '../../src/adapters/age/age.ts';
import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { SealedFolder } from '../../src/adapters/sealed/sealed-folder.ts';
import { TpmKeyWrapper } from '../../src/adapters/tpm/key-wrapper.ts';
import type { RecoverReport } from '../../src/cli/commands/recover.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { SealedList, SealedStatus } from '../../src/sealed/reports.ts';
import type { SealedAt } from '../../src/sealed/sealed-files.ts';
import type { Stanza } from '../../src/sealing/stanzas.ts';
import { compileKillPoint } from '../doubles/kill-point/kill-point.ts';
import { answerOf } from '../hosts/answer.ts';
import { ask, startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import {
  answers,
  cacheStage,
  filled,
  from,
  lookup,
  statusOf,
  untilOpened,
  type CacheStage,
} from './serve-cache-stage.ts';

const PCRS = [11];
/** Ids of what Podman was given, and what that was. */
const SEALED = { '00000000000000000000000a1': 'canary-sealed-one', '00000000000000000000000a2': 'canary-sealed-two' };
const REPLACED = 'canary-sealed-before';

type Stage = CacheStage & {
  readonly stateDir: string;
  readonly identity: string;
  readonly keyFile: string;
  /** The board that is there now. */
  readonly board: SoftTpm;
  readonly startOn: (tpm: SoftTpm, env?: Readonly<Record<string, string>>) => Promise<PsiProcess>;
};

async function softTpm(t: TestContext): Promise<SoftTpm> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  return tpm;
}

/** Three values in the cache, two sealed secrets and one that lies aside; then the board is another one, and Infisical is down. */
async function lostStage(t: TestContext): Promise<Stage> {
  const tpm = await softTpm(t);
  const identity = await generateX25519Identity();
  const recovery = await identityToRecipient(identity);
  const cacheOn = ({ tcti }: SoftTpm) => ({ backend: 'tpm', recovery, tpm: { tcti, pcrs: PCRS } });
  const it = await cacheStage(t, { cache: cacheOn(tpm) });
  const providers = { sealed: { recovery, from_podman: true } };
  const startOn = async (board: SoftTpm, env: Readonly<Record<string, string>> = {}): Promise<PsiProcess> => {
    const config = { ...it.options.config, cache: cacheOn(board) };
    const psi = await startPsi({ ...it.options, config, providers, env }, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    await untilOpened(psi);
    return psi;
  };
  const psi = await filled({ start: () => startOn(tpm) });
  const [first] = Object.keys(SEALED);
  for (const [id, value] of [[first, REPLACED] as const, ...Object.entries(SEALED)]) {
    assert.equal((await ask(psi.socket, 'POST', `/store/${String(id)}`, value)).status, 200);
  }
  assert.equal(await psi.stop(), 0);
  await it.infisical.refuseConnections();
  const keyFile = join(it.options.dir, 'recovery.key');
  await writeFile(keyFile, `# public key: ${recovery}\n${identity}\n`);
  return { ...it, stateDir: join(it.options.dir, 'state'), identity, keyFile, board: await softTpm(t), startOn };
}

/** As people run it on the host: the key comes in through a pipe. */
function recoverAsHinted(psi: PsiProcess, hint: string, keyFile: string): Promise<RunResult> {
  const words = /`podman exec -i psi psi (cache recover --identity -) < KEY_FILE`/.exec(hint)?.[1];
  assert.ok(words, `no command in: ${hint}`);
  const env = { PATH: process.env['PATH'], PSI_CONFIG: psi.configFile, KEY_FILE: keyFile };
  return run(['sh', '-c', `exec "$@" ${words} < "$KEY_FILE"`, 'sh', ...PSI_UNDER_TEST], { env });
}

async function sealedAnswers(psi: PsiProcess): Promise<readonly string[]> {
  const replies = await Promise.all(Object.keys(SEALED).map((id) => ask(psi.socket, 'GET', `/lookup/${id}`)));
  return replies.map(({ status, headers, body }) => (status === 200 ? body.toString() : String(headers['psi-code'])));
}

async function textBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
  return texts.join('\n');
}

test('the TPM is lost and the provider is down: one command brings back the cache and the sealed secrets, for good', async (t) => {
  const it = await lostStage(t);
  const psi = await it.startOn(it.board);
  assert.deepEqual(await sealedAnswers(psi), ['KEY_UNAVAILABLE', 'KEY_UNAVAILABLE']);
  const hints = [await lookup(psi, 'A'), await ask(psi.socket, 'GET', `/lookup/${Object.keys(SEALED)[0] ?? ''}`)].map(
    ({ headers }) => String(headers['psi-hint']),
  );
  assert.ok(
    hints.every((hint) => hint.includes('psi cache recover --identity - < KEY_FILE')),
    hints.join('\n'),
  );
  // Without the `-i` of podman exec nothing comes in.
  const nothing = await psi.cli('cache', 'recover', '--identity', '-');
  assert.deepEqual([nothing.code, /podman exec -i psi psi cache recover/.test(nothing.stderr)], [65, true]);

  const recovered = await recoverAsHinted(psi, hints[1] ?? '', it.keyFile);
  assert.deepEqual([recovered.code, recovered.stderr], [0, '']);
  for (const line of [
    'recovered: 3 entries; lookups are answered with them',
    'sealed for tpm: opens',
    'sealed anew: 2',
    ...Object.keys(SEALED).map((id) => `sealed podman.${id}`),
    'sealed anew of those aside: 1',
  ]) {
    assert.ok(recovered.stdout.split('\n').includes(line), `${line} in:\n${recovered.stdout}`);
  }
  assert.deepEqual(await answers(psi), from('cache'));
  assert.deepEqual(await sealedAnswers(psi), Object.values(SEALED));
  assert.equal(await psi.stop(), 0);

  const next = await it.startOn(it.board);
  assert.deepEqual(await answers(next), from('cache'));
  assert.deepEqual(await sealedAnswers(next), Object.values(SEALED));
  const status = answerOf((await next.cli('sealed', 'status', '--verify', '--json')).stdout) as SealedStatus;
  assert.deepEqual([status.secrets, status.aside, status.failures, status.exit], [2, 1, [], 0]);
  assert.equal((await statusOf(next, '--verify')).verified?.ok, true);
  const { aside } = answerOf((await next.cli('sealed', 'list', '--json')).stdout) as SealedList;
  assert.equal((await next.cli('sealed', 'restore', aside[0]?.name ?? '', '--as', 'before')).code, 1);
  assert.equal((await next.cli('sealed', 'export', 'before')).stdout, REPLACED);
  await next.stop();

  const everything = psi.log() + next.log() + (await textBelow(it.stateDir));
  assert.equal(everything.includes(it.identity.slice('AGE-SECRET-KEY-1'.length)), false);
  assert.doesNotMatch(everything, /canary-(?:value|sealed)/);
});

test('with no TPM at all every value is looked up, the files stay, and the same command seals them when there is one', async (t) => {
  const it = await lostStage(t);
  await it.board.powerOff();
  const psi = await it.startOn(it.board);
  const before = await textBelow(join(it.stateDir, 'sealed'));
  const recovered = await psi.cli('cache', 'recover', '--identity', it.keyFile, '--json');
  assert.equal(recovered.code, 69, recovered.stderr);
  const report = answerOf(recovered.stdout) as RecoverReport;
  assert.deepEqual(
    [report.cache?.recovered, report.sealed?.sealed, report.sealed?.failures.length, report.failures],
    [3, [], 3, []],
  );
  assert.deepEqual(await answers(psi), from('cache'));
  assert.deepEqual(await sealedAnswers(psi), Object.values(SEALED));
  assert.equal(await textBelow(join(it.stateDir, 'sealed')), before);
  await it.board.powerOn();
  assert.equal((await psi.cli('cache', 'recover', '--identity', it.keyFile)).code, 0);
  await psi.stop();
  assert.deepEqual(await sealedAnswers(await it.startOn(it.board)), Object.values(SEALED));
});

/** Every value of such a state folder, in use or aside, opened by the TPM that is there or else by the identity. */
async function openedIn(stateDir: string, keys: TpmKeyWrapper, identity: string): Promise<readonly string[]> {
  const recipients = { own: [keys], recovery: [] };
  const dataKeyOf = async (stanzas: readonly Stanza[]): Promise<SecretValue> =>
    (await unwrapWithIdentities(
      [SecretValue.fromText(identity)],
      stanzas.map(({ wrappedKey }) => wrappedKey),
    )) ?? assert.fail('the identity opens nothing');
  const cacheFile = new EncryptedCacheFile({ recipients }, { path: join(stateDir, 'cache.enc') });
  const cached = await cacheFile.read().catch(async () => {
    const { fileId, stanzas } = (await cacheFile.recoverable()) ?? assert.fail('there is a cache');
    return cacheFile.readWith(fileId, await dataKeyOf(stanzas));
  });
  const folder = new SealedFolder({ recipients }, { stateDir });
  const valueAt = async (at: SealedAt): Promise<string> => {
    const value = await folder.readAt(at).catch(async () => {
      const { fileId, stanzas } = await folder.recoverable(at);
      return folder.readWith(at, fileId, await dataKeyOf(stanzas));
    });
    return value.exposeText();
  };
  const inUse = (await folder.list()).map(({ name }) => ({ name, asideAt: null }));
  const sealed: string[] = [];
  for (const at of [...inUse, ...(await folder.listAside())]) sealed.push(await valueAt(at));
  return [...(cached?.entries ?? []).map(({ value }) => value.exposeText()), ...sealed];
}

test('killed at each step of a recovery and of a reseal, every value opens with the TPM that is there or the recovery key', async (t) => {
  const it = await lostStage(t);
  const { dir } = it.options;
  const library = await compileKillPoint(dir);
  const all = ['canary-value-a', 'canary-value-b', 'canary-value-c', ...Object.values(SEALED), REPLACED].toSorted();
  for (const [index, command] of [
    ['cache', 'recover', '--identity', it.keyFile],
    ['sealed', 'reseal'],
  ].entries()) {
    const copies = join(dir, `copies-${String(index)}`);
    await mkdir(copies);
    // The start writes too; what the command does is looked at from here on.
    const psi = await it.startOn(it.board, {
      LD_PRELOAD: library,
      KILL_POINT_ROOT: it.stateDir,
      KILL_POINT_COPIES: copies,
    });
    const early = new Set(await readdir(copies));
    const { code, stderr } = await psi.cli(...command);
    assert.equal(code, 0, stderr);
    await psi.stop();
    const steps = (await readdir(copies)).filter((name) => !early.has(name));
    assert.ok(steps.length >= 12, steps.join());
    const keys = new TpmKeyWrapper({ auth: undefined }, { tcti: it.board.tcti, pcrs: PCRS, bank: 'sha256' });
    for (const step of steps) {
      const opened = await openedIn(join(copies, step), keys, it.identity);
      assert.deepEqual(opened.toSorted(), all, `${command.join(' ')}: ${step}`);
    }
    await keys.close();
    await rm(copies, { recursive: true });
  }
});
