// PSI as a process with sealed secrets: what Podman is given and what people store, through restarts, without Podman, without Infisical,
// and after the board was lost.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import type { ExportReport, SealedList, SealedStatus } from '../../src/sealed/reports.ts';
import { answerOf } from '../hosts/answer.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const ID = '0123456789abcdef012345678';
const CANARY = 'canary-sealed-value';

type Stage = {
  readonly dir: string;
  readonly keyFile: string;
  readonly start: (tpm: SoftTpm) => Promise<PsiProcess>;
  readonly tpm: SoftTpm;
};

async function softTpm(t: TestContext): Promise<SoftTpm> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  return tpm;
}

async function stage(t: TestContext): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-sealed-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const identity = await generateX25519Identity();
  const recovery = await identityToRecipient(identity);
  const keyFile = join(dir, 'recovery.key');
  await writeFile(keyFile, `${identity}\n`);
  const start = async (tpm: SoftTpm): Promise<PsiProcess> => {
    const options: PsiOptions = {
      dir,
      podmanSocket: join(dir, 'no-podman.sock'),
      apiUrl: 'http://127.0.0.1:1',
      clientId: 'c',
      clientSecret: 's',
      projects: {},
      workloads: {},
      providers: { sealed: { recovery, from_podman: true } },
      config: { cache: { backend: 'tpm', tpm: { tcti: tpm.tcti } } },
    };
    const psi = await startPsi(options, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    return psi;
  };
  return { dir, keyFile, start, tpm: await softTpm(t) };
}

/** As people give a value: through a pipe. */
function piped(psi: PsiProcess, words: string, input: string): Promise<RunResult> {
  const env = { PATH: process.env['PATH'], PSI_CONFIG: psi.configFile, INPUT: input };
  return run(['sh', '-c', `printf %s "$INPUT" | "$@" ${words}`, 'sh', ...PSI_UNDER_TEST], { env });
}

async function lookedUp(psi: PsiProcess, id = ID): Promise<string> {
  const { status, headers, body } = await ask(psi.socket, 'GET', `/lookup/${id}`);
  return status === 200 ? `${String(headers['psi-source'])} ${body.toString()}` : String(headers['psi-code']);
}

async function listOf(psi: PsiProcess): Promise<SealedList> {
  return answerOf((await psi.cli('sealed', 'list', '--json')).stdout) as SealedList;
}

async function plaintextBelow(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const all = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name))));
  return all.some((bytes) => bytes.includes(CANARY));
}

test('what Podman is given is sealed, handed out through a restart, and restored after Podman deleted it', async (t) => {
  const it = await stage(t);
  const psi = await it.start(it.tpm);
  assert.equal((await ask(psi.socket, 'POST', `/store/${ID}`, CANARY)).status, 200);
  assert.equal(await lookedUp(psi), `sealed ${CANARY}`);
  await psi.stop();
  const next = await it.start(it.tpm);
  assert.equal(await lookedUp(next), `sealed ${CANARY}`);
  assert.equal((await ask(next.socket, 'DELETE', `/delete/${ID}`)).status, 200);
  const [aside] = (await listOf(next)).aside;
  assert.equal(aside?.name, `podman.${ID}`);
  const restored = await next.cli('sealed', 'restore', aside.name, '--as', 'db');
  // There is no Podman here that could register it: that is said, and the value is there.
  assert.deepEqual([restored.code, /the value is stored, and podman has no/.test(restored.stderr)], [1, true]);
  assert.equal((await next.cli('sealed', 'export', 'db')).stdout, CANARY);
  assert.equal(await plaintextBelow(join(it.dir, 'state')), false);
  assert.doesNotMatch(psi.log() + next.log(), new RegExp(CANARY));
});

test('a body that is none of a mapping and looks like one is refused, and one byte too many too', async (t) => {
  const it = await stage(t);
  const psi = await it.start(it.tpm);
  const mistyped = '{"provider":"infisical","project":"p","path":"/","kye":"K"}';
  for (const [body, status] of [
    [mistyped, 422],
    ['x'.repeat(511_999), 200],
    ['x'.repeat(512_000), 422],
  ] as const) {
    assert.equal((await ask(psi.socket, 'POST', `/store/${ID}`, body)).status, status);
  }
});

test('a value comes in by a pipe, is stored and exported byte for byte, and status tells what opens it', async (t) => {
  const it = await stage(t);
  const psi = await it.start(it.tpm);
  const stored = await piped(psi, 'sealed store db', `${CANARY}\n`);
  assert.match(stored.stdout, /^sealed db \(20 bytes\)$/m);
  const exported = answerOf((await psi.cli('sealed', 'export', 'db', '--json')).stdout) as ExportReport;
  assert.equal(Buffer.from(exported.value, 'base64').toString(), `${CANARY}\n`);
  const status = answerOf((await psi.cli('sealed', 'status', '--verify', '--json')).stdout) as SealedStatus;
  assert.deepEqual([status.secrets, status.unsealed, status.failures, status.exit], [1, [], [], 0]);
  const empty = await piped(psi, 'sealed store other', '');
  assert.deepEqual([empty.code, /podman exec -i/.test(empty.stderr)], [65, true]);
});

test('the board is lost: the hint of the failed lookup brings the values back, for good', async (t) => {
  const it = await stage(t);
  const psi = await it.start(it.tpm);
  assert.equal((await ask(psi.socket, 'POST', `/store/${ID}`, CANARY)).status, 200);
  await psi.stop();
  const board = await softTpm(t);
  const next = await it.start(board);
  const failed = await ask(next.socket, 'GET', `/lookup/${ID}`);
  assert.equal(failed.headers['psi-code'], 'KEY_UNAVAILABLE');
  const words = /`podman exec -i psi psi (cache recover --identity -) < KEY_FILE`/.exec(
    String(failed.headers['psi-hint']),
  );
  assert.ok(words, String(failed.headers['psi-hint']));
  const recovered = await piped(next, words[1] ?? '', await readFile(it.keyFile, 'utf8'));
  assert.deepEqual([recovered.code, recovered.stdout], [0, `sealed anew: 1\nsealed podman.${ID}\n`]);
  await next.stop();
  assert.equal(await lookedUp(await it.start(board)), `sealed ${CANARY}`);
});

test('killed in the middle of many replaces, each value is one of the two', async (t) => {
  const it = await stage(t);
  const psi = await it.start(it.tpm);
  const ids = Array.from({ length: 8 }, (_, at) => `${ID.slice(0, -1)}${String(at)}`);
  for (const id of ids) await ask(psi.socket, 'POST', `/store/${id}`, 'before');
  const replacing = ids.map((id) => ask(psi.socket, 'POST', `/store/${id}`, 'after').catch(() => undefined));
  await Promise.race(replacing);
  await psi.kill();
  await Promise.all(replacing);
  const next = await it.start(it.tpm);
  for (const id of ids) assert.match(await lookedUp(next, id), /^sealed (?:before|after)$/);
});
