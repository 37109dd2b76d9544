// PSI is killed at each step that it takes on the disk for a sealed value, and the command at each one that `export` takes: the value is there
// after that, as it was before or as it was to be.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import type { SealedList } from '../../src/sealed/reports.ts';
import { compileKillPoint } from '../doubles/kill-point/kill-point.ts';
import { answerOf } from '../hosts/answer.ts';
import { ask, startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';

const ID = '0123456789abcdef012345678';
/** So many steps that none of these has more. */
const MANY = 60;

let dir: string;
let armed: string;
let library: string;
let tpm: SoftTpm;
let recovery: string;
let psi: PsiProcess | undefined;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-sealed-killed-'));
  armed = join(dir, 'armed');
  library = await compileKillPoint(dir);
  tpm = await SoftTpm.start();
  recovery = await identityToRecipient(await generateX25519Identity());
});
after(async () => {
  await psi?.kill();
  await tpm.dispose();
  await rm(dir, { recursive: true, force: true, maxRetries: 10 });
});

async function started(env: Readonly<Record<string, string>> = {}): Promise<void> {
  await psi?.kill();
  await rm(armed, { force: true });
  const state = join(dir, 'state');
  psi = await startPsi(
    {
      dir,
      podmanSocket: join(dir, 'no-podman.sock'),
      apiUrl: 'http://127.0.0.1:1',
      clientId: 'c',
      clientSecret: 's',
      projects: {},
      workloads: {},
      providers: { sealed: { recovery, from_podman: true } },
      config: { cache: { backend: 'tpm', tpm: { tcti: tpm.tcti } } },
      env: { LD_PRELOAD: library, KILL_POINT_FILE: armed, KILL_POINT_ROOT: state, ...env },
    },
    PSI_UNDER_TEST,
  );
}

function running(): PsiProcess {
  return psi ?? assert.fail();
}

/** Of this machine's processes the service alone is killed. */
function command(words: string, env: Readonly<Record<string, string>> = {}): ReturnType<typeof run> {
  const given = { PATH: process.env['PATH'], PSI_CONFIG: join(dir, 'config.yaml'), ...env };
  return run(['sh', '-c', words, 'sh', ...PSI_UNDER_TEST], { env: given });
}

const store = (name: string, value: string): ReturnType<typeof run> =>
  command(`printf %s "$VALUE" | "$@" sealed store ${name}`, { VALUE: value });

async function exported(name: string): Promise<string | undefined> {
  const { code, stdout } = await command(`"$@" sealed export ${name}`);
  return code === 0 ? stdout : undefined;
}

async function lookedUp(): Promise<string | undefined> {
  const { status, body } = await ask(running().socket, 'GET', `/lookup/${ID}`);
  return status === 200 ? body.toString() : undefined;
}

/** From `begin` on, with the service killed before each step of `work` in turn; `look` finds the value after it. */
async function killedAtEach(
  {
    begin,
    work,
    look,
  }: {
    readonly begin: (it: PsiProcess) => Promise<unknown>;
    readonly work: (it: PsiProcess) => Promise<unknown>;
    readonly look: () => Promise<string | undefined>;
  },
  expected: readonly string[],
): Promise<void> {
  const found = new Set<string | undefined>();
  await started();
  for (let step = 1; ; step += 1) {
    assert.ok(step < MANY, 'it never came to its end');
    await begin(running());
    const it = running();
    await writeFile(armed, `step ${String(step)}`);
    await work(it).catch(() => undefined);
    // One more answer, or its end: whatever was on its way to the disk is there.
    const alive = await ask(it.socket, 'GET', '/healthz').then(
      () => true,
      () => false,
    );
    if (alive) {
      assert.ok(step > 2, 'it was never killed');
      break;
    }
    await started();
    const value = await look();
    assert.ok(value !== undefined && expected.includes(value), `step ${String(step)}: ${String(value)}`);
    found.add(value);
  }
  // Otherwise no step was one that counts.
  assert.deepEqual([...found].toSorted(), [...expected].toSorted());
}

test('killed at each step of a store by its name, the value is one of the two', () =>
  killedAtEach({ begin: () => store('db', 'one'), work: () => store('db', 'two'), look: () => exported('db') }, [
    'one',
    'two',
  ]));

test('killed at each step of a store by Podman, the value is one of the two', () =>
  killedAtEach(
    {
      begin: ({ socket }) => ask(socket, 'POST', `/store/${ID}`, 'one'),
      work: ({ socket }) => ask(socket, 'POST', `/store/${ID}`, 'two'),
      look: lookedUp,
    },
    ['one', 'two'],
  ));

test('killed at each step of a delete by Podman, the value is in its place, or can be restored', () =>
  killedAtEach(
    {
      begin: ({ socket }) => ask(socket, 'POST', `/store/${ID}`, 'one'),
      work: ({ socket }) => ask(socket, 'DELETE', `/delete/${ID}`),
      look: async () => {
        if ((await lookedUp()) === 'one') return 'in its place';
        await command(`"$@" sealed restore podman.${ID} --as of-podman`);
        return (await exported('of-podman')) === 'one' ? 'restored' : undefined;
      },
    },
    ['in its place', 'restored'],
  ));

test('killed at each step of a restore, it is there, or comes by the same again', () =>
  killedAtEach(
    {
      begin: async () => {
        await store('db', 'one');
        await store('db', 'two');
      },
      work: () => command('"$@" sealed restore db'),
      look: async () => {
        const there = await exported('db');
        if (there === 'one') return 'restored';
        await command('"$@" sealed restore db');
        return (await exported('db')) === 'one' && there === 'two' ? 'by the same again' : undefined;
      },
    },
    ['by the same again', 'restored'],
  ));

test('killed at each step that reads what is exported, it is exported after that', () =>
  killedAtEach(
    {
      begin: async () => {
        await store('db', 'one');
        // What is in memory is read nowhere.
        await started({ KILL_POINT_READS: '1' });
      },
      work: () => exported('db'),
      look: () => exported('db'),
    },
    ['one'],
  ));

test('the command is killed at each step of what it writes: its status tells, and the value is where it was', async () => {
  await started();
  const large = 'x'.repeat(100_000);
  await store('large', large);
  const out = join(dir, 'out');
  await mkdir(out);
  for (let step = 1; ; step += 1) {
    assert.ok(step < MANY);
    await writeFile(join(dir, 'own'), `step ${String(step)}`);
    const env = { LD_PRELOAD: library, KILL_POINT_FILE: join(dir, 'own'), KILL_POINT_ROOT: out };
    const { code } = await command(`exec "$@" sealed export large >${join(out, 'file')}`, env);
    const { stdout: written } = await command(`cat ${join(out, 'file')}`);
    assert.ok(code !== 0 || written === large);
    assert.equal(await exported('large'), large);
    if (code !== 0) continue;
    assert.ok(step > 1, 'it was never killed');
    break;
  }
  const { secrets } = answerOf((await command('"$@" sealed list --json')).stdout) as SealedList;
  assert.ok(secrets.some(({ name }) => name === 'large'));
});
