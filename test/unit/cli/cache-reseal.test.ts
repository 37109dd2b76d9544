// `psi cache reseal` and `psi cache recover` as people and scripts see them, and what the service is told of an identity: nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RecoveryKeys, ResealReport } from '../../../src/cache/reseal.ts';
import { run } from '../../../src/cli/run.ts';
import { PsiError } from '../../../src/core/error.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { ControlClient } from '../../../src/faces/control/client.ts';
import type { ResealedReport, SealedRecoveryKeys } from '../../../src/sealed/reports.ts';
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

/** By the route; a PsiError is a refusal. */
type Answers = Readonly<Record<string, unknown>>;

const OFF = new PsiError('CONFIG_INVALID', 'the cache is off: there is nothing to recover', { hint: 'turn it on' });
const NO_PROVIDER = new PsiError('CONFIG_INVALID', 'the config has no provider of kind sealed', { hint: 'add it' });

const ASKED = ['GET /cache/recovery', 'GET /sealed/recovery'];

class FakeClient extends ControlClient {
  readonly asked: string[] = [];
  readonly #answers: Answers;

  constructor(answers: Answers) {
    super(['/nowhere']);
    this.#answers = { '/sealed/recovery': NO_PROVIDER, ...answers };
  }

  override get(path: string): Promise<string> {
    this.asked.push(`GET ${path}`);
    return this.#answer(path);
  }

  override post(path: string, body: unknown): Promise<string> {
    this.asked.push(`POST ${path} ${JSON.stringify(body)}`);
    return this.#answer(path);
  }

  #answer(path: string): Promise<string> {
    const answer = this.#answers[path];
    return answer instanceof PsiError ? Promise.reject(answer) : Promise.resolve(JSON.stringify(answer));
  }
}

type Given = {
  readonly dataKeys?: readonly (SecretValue | undefined)[];
  readonly answers?: Answers;
};

async function psi(
  report: ResealReport,
  argv: readonly string[],
  { dataKeys = [undefined], answers = {} }: Given = {},
) {
  const { terminal, out, errors } = fakeTerminal();
  const client = new FakeClient({
    '/cache/recovery': KEYS,
    '/cache/recover': report,
    '/cache/reseal': report,
    ...answers,
  });
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
            unwrapped.push([file, ...wrapped.map((keys) => keys.map((one) => Buffer.from(one).toString()).join())]);
            return Promise.resolve(dataKeys);
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
  const { exit, out, asked, unwrapped } = await psi(report, ['cache', 'recover', '--identity', '-'], {
    dataKeys: [given],
  });
  assert.equal(exit, 0);
  assert.deepEqual(unwrapped, [['-', 'wrapped']]);
  assert.deepEqual(asked, [...ASKED, `POST /cache/recover ${JSON.stringify({ fileId: 'f1', dataKey })}`]);
  assert.deepEqual(out, ['recovered: 12 entries; lookups are answered with them', ...OPENED, RECOVERABLE]);
  assert.ok(
    bytes.every((byte) => byte === 0),
    'the key is wiped',
  );
});

test('an identity that opens nothing says whom the file is for, and the service is asked nothing more', async () => {
  const { exit, errors, asked } = await psi(DONE, ['cache', 'recover', '--identity', 'key.txt']);
  assert.deepEqual([exit, asked], [65, ASKED]);
  assert.deepEqual(errors, [
    'error: the identity opens nothing: the cache was sealed for age1a',
    'hint: `age-keygen -y KEY_FILE` shows which one a file is for',
  ]);
});

test('what was recovered and could not be sealed is told as both', async () => {
  const report = { ...DONE, recovered: 12, failure: AWAY, recipients: [], exit: 69 };
  const recovered = await psi(report, ['cache', 'recover', '--identity', '-'], {
    dataKeys: [new SecretValue(Buffer.alloc(32))],
  });
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

const SEALED_KEYS: SealedRecoveryKeys = {
  files: (['db', 'podman.0a', 'db'] as const).map((name, index) => ({
    ...{ name, asideAt: index === 2 ? 12 : null, fileId: `s${String(index)}` },
    keys: [{ recipient: 'age1b', wrappedKey: Buffer.from('sealed').toString('base64') }],
  })),
  others: 0,
};
const SEALED: ResealedReport = {
  sealed: [
    { name: 'db', podman: ['db'] },
    { name: 'podman.0a', podman: ['web'] },
  ],
  aside: 1,
  failures: [],
  exit: 0,
};
const RECOVER = ['cache', 'recover', '--identity', '-'] as const;
const keyOf = (byte: number): SecretValue => new SecretValue(Buffer.alloc(2, byte));
const SEALED_LINES = [
  'sealed anew: 2',
  'sealed db',
  'sealed podman.0a; in podman: web',
  'sealed anew of those aside: 1',
];

test('one command brings back the cache and the sealed secrets, each by its name, with one reading of the identity', async () => {
  const { exit, out, errors, asked, unwrapped } = await psi({ ...DONE, recovered: 12 }, RECOVER, {
    dataKeys: [1, 2, 2, 3].map(keyOf),
    answers: { '/sealed/recovery': SEALED_KEYS, '/sealed/recover': SEALED },
  });
  assert.deepEqual([exit, errors], [0, []]);
  assert.deepEqual(unwrapped, [['-', 'wrapped', 'sealed', 'sealed', 'sealed']]);
  const keys = [
    { name: 'db', asideAt: null, fileId: 's0', dataKey: 'AgI=' },
    { name: 'podman.0a', asideAt: null, fileId: 's1', dataKey: 'AgI=' },
    { name: 'db', asideAt: 12, fileId: 's2', dataKey: 'AwM=' },
  ];
  assert.deepEqual(asked.slice(2), [
    `POST /cache/recover ${JSON.stringify({ fileId: 'f1', dataKey: 'AQE=' })}`,
    `POST /sealed/recover ${JSON.stringify({ keys })}`,
  ]);
  assert.deepEqual(out, [
    'recovered: 12 entries; lookups are answered with them',
    ...[...OPENED, RECOVERABLE],
    ...SEALED_LINES,
  ]);
});

test('what of the two is not there is no failure, and what fails of one keeps the other from nothing', async () => {
  const answers = { '/sealed/recovery': SEALED_KEYS, '/sealed/recover': SEALED };
  for (const cache of [null, OFF]) {
    const alone = await psi(DONE, RECOVER, {
      dataKeys: [2, 2, 3].map(keyOf),
      answers: { ...answers, '/cache/recovery': cache },
    });
    assert.deepEqual([alone.exit, alone.out, alone.errors], [0, SEALED_LINES, []]);
  }
  const damaged = new PsiError('CACHE_CORRUPT', 'the cache /c is cut short', { hint: 'refresh it' });
  const other = await psi(DONE, RECOVER, {
    dataKeys: [2, 2, 3].map(keyOf),
    answers: { ...answers, '/cache/recovery': damaged },
  });
  assert.deepEqual([other.exit, other.out], [65, SEALED_LINES]);
  assert.deepEqual(other.errors, ['error: the cache /c is cut short', 'hint: refresh it']);
  const refused = await psi(DONE, RECOVER, {
    dataKeys: [1, 2, 2, 3].map(keyOf),
    answers: { ...answers, '/sealed/recover': new PsiError('HOST', 'the disk is full', { hint: 'df' }) },
  });
  assert.deepEqual([refused.exit, refused.out.length], [74, 3]);
  assert.deepEqual(refused.errors, ['error: the disk is full', 'hint: df']);
});

test('an identity that is for a part of them says of which it is not, and the service names each', async () => {
  const failure = { name: 'db', code: 'KEY_UNAVAILABLE', message: 'sealed by another TPM', hint: 'h' } as const;
  const sealed = { sealed: [], aside: 0, failures: [failure, { ...failure, name: 'web' }], exit: 69 };
  const answers = { '/sealed/recovery': SEALED_KEYS, '/sealed/recover': sealed };
  const half = await psi(DONE, RECOVER, { dataKeys: [keyOf(1), undefined, undefined, undefined], answers });
  assert.equal(half.exit, 65);
  assert.deepEqual(half.errors, [
    ...['error: db, web: sealed by another TPM', 'hint: h'],
    'error: the identity does not open all: 3 sealed secrets were sealed for age1b',
    'hint: `age-keygen -y KEY_FILE` shows which one a file is for',
  ]);
  // This host opens them without.
  const whole = await psi(DONE, RECOVER, {
    dataKeys: [keyOf(1), undefined, undefined, undefined],
    answers: { ...answers, '/sealed/recover': SEALED },
  });
  assert.deepEqual([whole.exit, whole.errors], [0, []]);
  const none = await psi(DONE, RECOVER, { dataKeys: [undefined], answers });
  assert.match(none.errors[0] ?? '', /opens nothing: the cache and the sealed secrets were sealed for age1a, age1b$/);
  const down = await psi(DONE, RECOVER, {
    answers: { '/cache/recovery': new PsiError('SERVICE_DOWN', 'psi is not running', { hint: 'start it' }) },
  });
  assert.deepEqual([down.exit, down.asked], [69, ['GET /cache/recovery']]);
});

test('with nothing that a recovery key opens it says so, and reads no identity', async () => {
  const gone = new PsiError('NOT_FOUND', 'the cache /c was sealed for no recovery key', { hint: 'status' });
  for (const [cache, sealed, message] of [
    [null, NO_PROVIDER, 'there is no cache, and no sealed secret that a recovery key opens'],
    [OFF, NO_PROVIDER, 'the cache is off: there is nothing to recover'],
    [null, { files: [], others: 0 }, 'there is no cache, and no sealed secret that a recovery key opens'],
    [gone, NO_PROVIDER, 'the cache /c was sealed for no recovery key'],
  ] as const) {
    const { exit, errors, unwrapped } = await psi(DONE, RECOVER, {
      answers: { '/cache/recovery': cache, '/sealed/recovery': sealed },
    });
    assert.notEqual(exit, 0);
    assert.deepEqual([errors[0], unwrapped], [`error: ${message}`, []]);
  }
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
