// PSI as a process with its cache's key in an HSM (NSS soft token behind the shim): what a token that takes its time holds up, `psi hsm …`, and
// that a wrong PIN is sent once.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { answerOf } from '../hosts/answer.ts';
import { commandsOf, docBlocks } from '../hosts/doc-blocks.ts';
import { LABEL, noSoftToken, PIN, softToken, type SoftToken } from '../doubles/pkcs11/soft-token.ts';
import { ask, type PsiProcess } from '../hosts/psi-process.ts';
import {
  answers,
  cacheStage,
  from,
  KEYS,
  lookup,
  register,
  statusOf,
  untilOpened,
  type CacheStage,
} from './serve-cache-stage.ts';

const skip = noSoftToken ?? false;
const WRONG = 'canary-wrong-pin';

type Stage = CacheStage & { readonly token: SoftToken; readonly setPin: (pin: string) => Promise<void> };

/** `named`: by what the config picks the token. */
async function stage(
  t: TestContext,
  cache: Readonly<Record<string, unknown>> = {},
  named: Readonly<Record<string, unknown>> = { token: LABEL },
): Promise<Stage> {
  const token = await softToken();
  t.after(() => token.dispose());
  const pinFile = join(token.dir, 'pin');
  const setPin = (text: string): Promise<void> => writeFile(pinFile, `${text}\n`, { mode: 0o600 });
  await setPin(PIN);
  const { module, libraryParameters } = token.target;
  const hsm = {
    module,
    library_parameters: libraryParameters,
    ...named,
    key: token.target.key.label,
    pin: { file: pinFile },
  };
  const it = await cacheStage(t, {
    cache: { backend: 'hsm', hsm, ...cache },
    folder: { A: 'canary-value-a', B: 'canary-value-b', C: 'canary-value-c', D: 'canary-value-d' },
  });
  return { ...it, token, setPin };
}

/** What health says of the cache: it asks no device, so it answers whatever the token does. */
async function health(psi: PsiProcess): Promise<string> {
  const { body } = await ask(psi.socket, 'GET', '/healthz');
  return (JSON.parse(body.toString()) as { readonly cache: string }).cache;
}

async function sources(psi: PsiProcess, times: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const all = Array.from({ length: times }, (_, at) => lookup(psi, KEYS[at % KEYS.length] ?? 'A'));
  for (const { status, headers } of await Promise.all(all)) {
    const source = `${String(status)} ${String(headers['psi-source'])}`;
    counts.set(source, (counts.get(source) ?? 0) + 1);
  }
  return counts;
}

test(
  'while the token takes its time at the start, live and cached lookups, health and status go on',
  { skip },
  async (t) => {
    const it = await stage(t);
    await (await filledWithD(it)).stop();
    await it.token.forget();
    const release = await it.token.hold('C_Login');
    const psi = await it.start();
    await it.token.untilCalled('C_Login');
    assert.equal(await health(psi), 'cache opening, 0 entries');
    assert.deepEqual(await answers(psi), from('live'));
    const calls = it.infisical.count();
    assert.deepEqual(await sources(psi, 300), new Map([['200 cache', 300]]));
    assert.equal(it.infisical.count(), calls);
    // Warnings alone at most: this stage has no quadlets.
    assert.ok([0, 4].includes((await psi.cli('status')).code));
    assert.equal(await health(psi), 'cache opening, 3 entries');
    assert.equal(await it.token.calls('C_Decrypt'), 0, 'the token answered before it was let go');

    await release();
    await untilOpened(psi);
    assert.equal(await health(psi), 'cache ready, 4 entries');
    await it.infisical.close();
    assert.deepEqual(await answers(psi, [...KEYS, 'D']), [...from('cache'), 'cache canary-value-d']);
  },
);

test(
  'while the token takes its time over a verify, lookups go on and a refresh is saved without it',
  { skip },
  async (t) => {
    const it = await stage(t);
    const psi = await filledWithD(it);
    await it.token.forget();
    const release = await it.token.hold('C_Decrypt');
    const verify = statusOf(psi, '--verify');
    await it.token.untilCalled('C_Decrypt');
    const before = await readFile(it.cacheFile);
    assert.deepEqual(await sources(psi, 300), new Map([['200 cache', 300]]));
    // Wrapping needs the public key only, which PSI keeps.
    assert.equal((await psi.cli('cache', 'refresh')).code, 0);
    assert.notDeepEqual(await readFile(it.cacheFile), before);
    assert.equal(await it.token.calls('C_Decrypt'), 1);
    await release();
    assert.deepEqual((await verify).verified?.ok, true);
  },
);

test('a token that never answers does not hold up the end of PSI', { skip }, async (t) => {
  const it = await stage(t);
  await (await filledWithD(it)).stop();
  await it.token.forget();
  await it.token.hold('C_Login');
  const psi = await it.start();
  await it.token.untilCalled('C_Login');
  assert.equal(await psi.stop(), 0);
});

test('hsm preflight, init and status say what they see, to people and as JSON', { skip }, async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  await it.token.forget();
  const preflight = await psi.cli('hsm', 'preflight');
  assert.equal(preflight.code, 0, preflight.stderr);
  const names = preflight.stdout.split('\n').map((line) => /^ {2}(\w+): /.exec(line)?.[1] ?? line);
  assert.deepEqual(names, ['module', 'token', 'pin', 'mechanism', 'key', 'decrypt', 'in order', '']);
  assert.match(
    preflight.stdout,
    /^ {2}decrypt: not tried, as it takes a login: `podman exec psi psi hsm preflight --login`$/m,
  );
  assert.match(preflight.stdout, /^ {2}pin: ok, from the config \(cache\.hsm\.pin\)$/m);
  const status = await psi.cli('hsm', 'status', '--json');
  const report = answerOf(status.stdout) as { readonly backend: string; readonly problem: unknown };
  assert.deepEqual([status.code, report.backend, report.problem], [0, 'hsm', null]);
  assert.equal(await it.token.calls('C_Login'), 0, 'neither sends a PIN');

  const loggedIn = await psi.cli('hsm', 'preflight', '--login');
  assert.match(
    loggedIn.stdout,
    /^ {2}login: the PIN is right and the key is there\n {2}decrypt: a test block was wrapped and unwrapped$/m,
  );
  assert.equal(await it.token.calls('C_Login'), 1);
  const init = await psi.cli('hsm', 'init');
  assert.deepEqual([init.code, /\nlogged in\n$/.test(init.stdout)], [0, true], init.stderr);
  assert.equal(await it.token.calls('C_Login'), 2);
  const all = [preflight, status, loggedIn, init].map(({ stdout, stderr }) => stdout + stderr).join('');
  assert.doesNotMatch(all + psi.log(), /canary/);
});

test(
  'the walkthrough of docs/secret-cache.md goes through with a token that is as it should be',
  { skip },
  async (t) => {
    const it = await stage(t);
    const psi = await it.start();
    await register(psi, KEYS);
    const follow = async (name: string): Promise<void> => {
      const commands = commandsOf((await docBlocks()).find(({ run }) => run === name)?.text ?? '');
      assert.ok(commands.length > 3, name);
      for (const command of commands) {
        const words = /^podman exec psi psi (.*?)(?: +#.*)?$/.exec(command)?.[1] ?? assert.fail(command);
        const { code, stdout, stderr } = await psi.cli(...words.split(' '));
        assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
      }
    };
    await follow('hsm');
    assert.equal((await untilOpened(psi)).state, 'ready');
  },
);

test('preflight with a login, and init, say that a token cannot unwrap what psi wraps', { skip }, async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  // As SoftHSM 2.6.1 refuses OAEP with SHA-256, which its list of mechanisms does not tell.
  await it.token.faults('C_DecryptInit 1 9999999 rv 7');
  const preflight = await psi.cli('hsm', 'preflight', '--login');
  assert.equal(preflight.code, 1, preflight.stdout);
  assert.match(preflight.stdout, /^ {2}login: the PIN is right and the key is there\n {2}decrypt: failed$/m);
  assert.match(
    preflight.stderr,
    /^error: the token .* cannot decrypt RSA-OAEP with SHA-256\nhint: use a token that can/m,
  );
  const init = await psi.cli('hsm', 'init');
  assert.deepEqual([init.code, init.stdout], [69, '']);
  assert.match(init.stderr, /cannot decrypt RSA-OAEP with SHA-256/);
  assert.doesNotMatch(psi.log() + preflight.stdout + preflight.stderr, /canary/);
});

test('a slot whose token was never initialised does not count', { skip }, async (t) => {
  const it = await stage(t, {}, {});
  const psi = await it.start();
  // As SoftHSM 2.6.1 lists its free slot beside the one token that is there.
  await it.token.faults('C_GetTokenInfo 1 9999999 blank 1');
  const { code, stdout, stderr } = await psi.cli('hsm', 'preflight');
  assert.deepEqual([code, stderr], [0, ''], stdout);
  assert.match(stdout, /^ {2}token: PSI test token \(serial 0000000000000000, slot 2,/m);
  await it.token.faults('C_GetTokenInfo 1 1 blank 1', 'C_GetTokenInfo 2 2 blank 2');
  await it.token.forget();
  assert.match(
    (await psi.cli('hsm', 'preflight')).stderr,
    /the module sees no token that was initialised\nhint: initialise one/,
  );
});

test('preflight names what is missing, with what to run, and exits 1', { skip }, async (t) => {
  const it = await stage(t);
  const psi = await it.start();
  await it.token.faults('C_GetSlotList 1 9999999 none 0');
  const { code, stdout, stderr } = await psi.cli('hsm', 'preflight');
  assert.deepEqual([code, /^ {2}module: /m.test(stdout)], [1, true]);
  assert.match(stderr, /^error: the token .* is not there: the module sees no token at all\nhint: plug it in/m);
  assert.equal((await psi.cli('hsm', 'status')).code, 1);
  await it.token.faults();
  assert.equal((await psi.cli('hsm', 'status')).code, 0, 'no restart is needed');
});

test(
  'a wrong PIN is sent once, whatever is run how often; the right one is taken without a restart',
  { skip },
  async (t) => {
    const it = await stage(t);
    await (await filledWithD(it)).stop();
    await it.setPin(WRONG);
    await it.token.forget();
    const psi = await it.start();
    const { state, problem } = await untilOpened(psi);
    assert.deepEqual([state, problem?.reason], ['locked', 'auth']);
    assert.deepEqual(await answers(psi), from('live'));
    const [init, preflight, verify, tried] = [
      await psi.cli('hsm', 'init'),
      await psi.cli('hsm', 'preflight', '--login'),
      await psi.cli('cache', 'status', '--verify'),
      await psi.cli('cache', 'init', '--backend', 'hsm'),
    ];
    assert.deepEqual([init.code, preflight.code, verify.code], [69, 1, 69]);
    assert.match(init.stderr, /^error: the token .* refuses the PIN, which is not tried again\nhint: /m);
    assert.deepEqual([tried.code, tried.stderr], [69, init.stderr]);
    assert.equal(await it.token.calls('C_Login'), 1);

    await it.setPin(PIN);
    assert.equal((await psi.cli('hsm', 'init')).code, 0);
    assert.equal((await untilOpened(psi)).state, 'ready');
    await it.infisical.close();
    assert.deepEqual(await answers(psi), from('cache'));
    assert.doesNotMatch(psi.log(), /canary/);
  },
);

test(
  'before the cache is turned on a wrong PIN is sent once too, however often somebody tries',
  { skip },
  async (t) => {
    const it = await stage(t, { enabled: false });
    await it.setPin(WRONG);
    const psi = await it.start();
    await it.token.forget();
    for (const words of [
      ['hsm', 'init'],
      ['hsm', 'init'],
      ['cache', 'init', '--backend', 'hsm'],
    ]) {
      const { code, stderr } = await psi.cli(...words);
      assert.deepEqual([code, /refuses the PIN, which is not tried again/.test(stderr)], [69, true]);
    }
    assert.equal(await it.token.calls('C_Login'), 1);
    await it.setPin(PIN);
    assert.equal((await psi.cli('cache', 'init', '--backend', 'hsm')).code, 0);
  },
);

async function filledWithD(it: Stage): Promise<PsiProcess> {
  const psi = await it.start();
  await register(psi, [...KEYS, 'D']);
  const { code, stderr } = await psi.cli('cache', 'refresh');
  assert.equal(code, 0, stderr);
  return psi;
}
