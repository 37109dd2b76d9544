// `psi cache reseal` and `psi cache recover` as people and scripts see them, and what the service is told of an identity: nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RecoveryKeys, ResealReport } from '../../../src/cache/reseal.ts';
import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { ControlClient } from '../../../src/faces/control/client.ts';
import type { RecipientState } from '../../../src/sealing/recipient-state.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

const OPENS: RecipientState = {
  kind: 'tpm',
  recipient: null,
  configured: true,
  sealed: true,
  opens: true,
  problem: null,
};
const RECOVERY: RecipientState = { ...OPENS, kind: 'recovery', recipient: 'age1a', opens: null };
const AWAY = { code: 'KEY_UNAVAILABLE', message: 'no TPM answers', hint: 'look at it' } as const;
const DONE: ResealReport = {
  entries: 12,
  recovered: null,
  failure: null,
  problem: null,
  recipients: [OPENS, RECOVERY],
  exit: 0,
};
const KEYS: RecoveryKeys = {
  fileId: 'f1',
  keys: [{ recipient: 'age1a', wrappedKey: Buffer.from('wrapped').toString('base64') }],
};

const OPENED = ['cache: 12 entries sealed anew', 'sealed for tpm: opens'];
const RECOVERABLE =
  'sealed for recovery age1a: its private half opens it, with `podman exec -i psi psi cache recover --identity - < KEY_FILE`';

class FakeClient extends ControlClient {
  readonly asked: string[] = [];
  readonly #report: ResealReport;

  constructor(report: ResealReport) {
    super(['/nowhere']);
    this.#report = report;
  }

  override get(path: string): Promise<string> {
    this.asked.push(`GET ${path}`);
    return Promise.resolve(JSON.stringify(KEYS));
  }

  override post(path: string, body: unknown): Promise<string> {
    this.asked.push(`POST ${path} ${JSON.stringify(body)}`);
    return Promise.resolve(JSON.stringify(this.#report));
  }
}

async function psi(report: ResealReport, argv: readonly string[], dataKey?: SecretValue) {
  const { terminal, out, errors } = fakeTerminal();
  const client = new FakeClient(report);
  const unwrapped: unknown[] = [];
  const exit = await run(argv, {
    terminal,
    version: '1',
    loadConfig: () => Promise.resolve(defaultConfig({ env: {}, uid: 0 })),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    compose: () =>
      Promise.resolve(
        fakeComposition({
          unwrapWithIdentity: (file, wrapped) => {
            unwrapped.push([file, ...wrapped.map((one) => Buffer.from(one).toString())]);
            return Promise.resolve(dataKey);
          },
        }),
      ),
    connect: () => client,
  });
  return { exit, out, errors, asked: client.asked, unwrapped };
}

test('a reseal tells who the file is sealed for', async () => {
  const { exit, out, errors, asked } = await psi(DONE, ['cache', 'reseal']);
  assert.deepEqual([exit, asked], [0, ['POST /cache/reseal {}']]);
  assert.deepEqual(out, [...OPENED, RECOVERABLE]);
  assert.deepEqual(errors, []);
});

test('who does not open it, who has no key in it and who is not named any more are told with the next command', async () => {
  const report: ResealReport = {
    ...DONE,
    recipients: [
      { ...OPENS, opens: false, problem: AWAY },
      { ...OPENS, kind: 'credential', configured: false, opens: null },
      { ...OPENS, kind: 'hsm', opens: null },
      { ...RECOVERY, sealed: false },
    ],
    problem: { ...AWAY, message: 'it was saved without a key for recovery age1a: it cannot' },
    exit: 69,
  };
  const { exit, out, errors } = await psi(report, ['cache', 'reseal']);
  assert.equal(exit, 69);
  assert.deepEqual(out, [
    'cache: 12 entries sealed anew',
    'sealed for tpm: does not open',
    'sealed for credential, which the config does not name',
    'hint: `podman exec psi psi cache reseal` seals it without',
    'sealed for hsm: not tried; `psi cache status --verify` logs in',
    'not sealed for recovery age1a, which the config names',
    'hint: `podman exec psi psi cache reseal` seals it',
  ]);
  assert.deepEqual(errors, [
    'error: no TPM answers',
    'hint: look at it',
    'error: it was saved without a key for recovery age1a: it cannot',
    'hint: look at it',
  ]);
});

test('a recovery unwraps in its own process, and tells the service the key of the one file', async () => {
  const bytes = Buffer.alloc(32, 7);
  const dataKey = bytes.toString('base64');
  const given = new SecretValue(bytes);
  const report = { ...DONE, recovered: 12 };
  const { exit, out, asked, unwrapped } = await psi(report, ['cache', 'recover', '--identity', '-'], given);
  assert.equal(exit, 0);
  assert.deepEqual(unwrapped, [['-', 'wrapped']]);
  assert.deepEqual(asked, ['GET /cache/recovery', `POST /cache/recover ${JSON.stringify({ fileId: 'f1', dataKey })}`]);
  assert.deepEqual(out, ['recovered: 12 entries; lookups are answered with them', ...OPENED, RECOVERABLE]);
  assert.ok(
    bytes.every((byte) => byte === 0),
    'the key is wiped',
  );
});

test('an identity that opens nothing says whom the file is for, and the service is asked nothing more', async () => {
  const { exit, errors, asked } = await psi(DONE, ['cache', 'recover', '--identity', 'key.txt']);
  assert.deepEqual([exit, asked], [65, ['GET /cache/recovery']]);
  assert.deepEqual(errors, [
    'error: the identity opens nothing: the cache was sealed for age1a',
    'hint: `age-keygen -y KEY_FILE` shows which one a file is for',
  ]);
});

test('what was recovered and could not be sealed is told as both', async () => {
  const report = { ...DONE, recovered: 12, failure: AWAY, recipients: [], exit: 69 };
  const recovered = await psi(report, ['cache', 'recover', '--identity', '-'], new SecretValue(Buffer.alloc(32)));
  assert.equal(recovered.exit, 69);
  assert.deepEqual(recovered.out, [
    'recovered: 12 entries; lookups are answered with them',
    'cache: not sealed anew; the file is as it was, and opens with the recovery key again',
  ]);
  assert.deepEqual(recovered.errors, ['error: no TPM answers', 'hint: look at it']);
});

test('an identity is named, and never given on the command line: one that was is quoted nowhere', async () => {
  const given = await psi(DONE, ['cache', 'recover', '--identity', 'AGE-SECRET-KEY-1CANARY']);
  assert.deepEqual([given.exit, given.asked], [64, []]);
  assert.doesNotMatch(given.errors.join(), /CANARY/);
  assert.match(given.errors.join(), /make another one/);
  const { exit, errors } = await psi(DONE, ['cache', 'recover']);
  assert.equal(exit, 64);
  assert.match(errors.join(), /--identity <file>/);
});

test('--json carries the report', async () => {
  const { out } = await psi(DONE, ['cache', 'reseal', '--json']);
  assert.deepEqual(JSON.parse(out.join()), {
    format: 1,
    command: 'cache reseal',
    exit: 0,
    result: DONE,
    failure: null,
  });
});
