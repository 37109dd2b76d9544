// `psi sealed …` as people and scripts see it: a value comes in by a stream and goes out by export alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Composition } from '../../../src/cli/commands.ts';
import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { ControlClient } from '../../../src/faces/control/client.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

class FakeClient extends ControlClient {
  readonly asked: string[] = [];
  readonly #answer: unknown;

  constructor(answer: unknown) {
    super(['/nowhere']);
    this.#answer = answer;
  }

  override get(path: string): Promise<string> {
    this.asked.push(`GET ${path}`);
    return Promise.resolve(JSON.stringify(this.#answer));
  }

  override post(path: string, body: unknown): Promise<string> {
    this.asked.push(`POST ${path} ${JSON.stringify(body)}`);
    return Promise.resolve(JSON.stringify(this.#answer));
  }
}

async function psi(answer: unknown, argv: readonly string[], parts: Partial<Composition> = {}) {
  const { terminal, out, errors } = fakeTerminal();
  const client = new FakeClient(answer);
  const exit = await run(['sealed', ...argv], {
    terminal,
    version: '1',
    loadConfig: () => Promise.resolve(defaultConfig({ env: {}, uid: 0 })),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    connect: () => client,
    compose: () => Promise.resolve(fakeComposition(parts)),
  });
  return { exit, out, errors, asked: client.asked };
}

const AWAY = { code: 'HOST', message: 'podman is away', hint: 'start it' } as const;
const STORED = { name: 'db', bytes: 7, registered: 'created', problem: null, missed: [] } as const;

test('store takes the value from a stream and names nothing of it', async () => {
  const readValue = (file: string): Promise<SecretValue> => {
    assert.equal(file, '-');
    return Promise.resolve(SecretValue.fromText('hunter2'));
  };
  const { exit, out, errors, asked } = await psi(STORED, ['store', 'db'], { readValue });
  assert.deepEqual([exit, out, errors], [0, ['sealed db (7 bytes)', 'podman has it as db'], []]);
  const value = Buffer.from('hunter2').toString('base64');
  assert.deepEqual(asked, [`POST /sealed/store {"name":"db","value":"${value}"}`]);
  // An argument that is too many is not taken for one.
  assert.equal((await psi(STORED, ['store', 'db', 'hunter2'], { readValue })).exit, 64);
});

test('a value that Podman has no secret for, or that a backend missed, ends with 1', async () => {
  const readValue = (): Promise<SecretValue> => Promise.resolve(SecretValue.fromText('v'));
  const { exit, errors } = await psi({ ...STORED, registered: null, problem: AWAY, missed: [AWAY] }, ['store', 'db'], {
    readValue,
  });
  assert.deepEqual(
    [exit, errors],
    [1, ['error: podman is away', 'hint: start it', 'error: not sealed for all: podman is away', 'hint: start it']],
  );
});

test('list shows names, sizes and times', async () => {
  const at = '2026-01-01T00:00:00.000Z';
  const answer = {
    secrets: [
      { name: 'db', bytes: 300, storedAt: at, podman: ['db'] },
      { name: 'podman.0a', bytes: 301, storedAt: at, podman: ['web'] },
      { name: 'lost', bytes: 302, storedAt: at, podman: [] },
      { name: 'dark', bytes: 303, storedAt: at, podman: null },
    ],
    aside: [{ name: 'old', asideAt: at, goesAt: at }],
    problem: AWAY,
  };
  const { exit, out, errors } = await psi(answer, ['list']);
  assert.deepEqual(out, [
    `db: 300 bytes, stored ${at}`,
    `podman.0a: 301 bytes, stored ${at}; in podman: web`,
    `lost: 302 bytes, stored ${at}; podman has no secret for it`,
    `dark: 303 bytes, stored ${at}`,
    `aside: old, since ${at}, goes at ${at}`,
  ]);
  assert.deepEqual([exit, errors[0]], [0, 'error: podman is away']);
});

test('export alone gives a value: byte for byte, or in base64 with --json', async () => {
  const written: Uint8Array[] = [];
  const writeValue = (value: Uint8Array): Promise<void> => {
    written.push(value);
    return Promise.resolve();
  };
  const answer = { name: 'db', value: Buffer.from([0, 255, 10]).toString('base64') };
  const plain = await psi(answer, ['export', 'db'], { writeValue });
  assert.deepEqual([plain.exit, plain.out, written.map((one) => [...one])], [0, [], [[0, 255, 10]]]);
  const json = await psi(answer, ['export', 'db', '--json'], { writeValue });
  assert.deepEqual([written.length, (JSON.parse(json.out[0] ?? '') as { result: unknown }).result], [1, answer]);
});

test('restore and remove say what became of Podman’s secrets', async () => {
  const at = '2026-01-01T00:00:00.000Z';
  const removed = await psi({ name: 'db', podman: ['db'], goesAt: at }, ['remove', 'db']);
  assert.deepEqual(removed.out, [
    `removed db; \`psi sealed restore db\` brings it back until ${at}`,
    'podman has no more: db',
  ]);
  const restored = await psi({ name: 'db', asideAt: at, registered: 'created', problem: null }, [
    ...['restore', 'podman.0a', '--as', 'db'],
  ]);
  assert.deepEqual(restored.asked, ['POST /sealed/restore {"name":"podman.0a","as":"db"}']);
  assert.deepEqual(restored.out, [`restored db, which lay aside since ${at}`, 'podman has it as db']);
});

const STATUS = {
  ...{ provider: 'sealed', fromPodman: true, keepDeletedSeconds: 604_800, recovery: [], secrets: 2, aside: 1 },
  ...{ keys: [], unsealed: ['db'], failures: [{ name: 'web', ...AWAY }], verified: true, exit: 69 },
};

test('status says who opens them, what lacks a recipient and what does not open', async () => {
  const { exit, out, errors, asked } = await psi(STATUS, ['status', '--verify']);
  assert.deepEqual([exit, asked], [69, ['GET /sealed/status?verify=true']]);
  assert.deepEqual(out.slice(1), [
    'what podman is given is sealed too',
    'recovery: none: they are lost with this host',
    'not sealed for each recipient of the config: db',
    'hint: `podman exec psi psi sealed reseal` seals them',
  ]);
  assert.match(out[0] ?? '', /^sealed: 2 sealed secrets, 1 aside for /);
  assert.deepEqual(errors, ['error: web: podman is away', 'hint: start it']);
});

test('what a lost key concerns is told once for all of them', async () => {
  const failures = Array.from({ length: 7 }, (_, at) => ({ name: `s${String(at)}`, ...AWAY }));
  const { errors } = await psi({ ...STATUS, failures }, ['status']);
  assert.deepEqual(errors, ['error: s0, s1, s2, s3, s4 and 2 more: podman is away', 'hint: start it']);
});

class RecoverClient extends FakeClient {
  override get(path: string): Promise<string> {
    this.asked.push(`GET ${path}`);
    const keys = [{ recipient: 'age1a', wrappedKey: Buffer.from('w').toString('base64') }];
    const files = ['a', 'b'].map((name) => ({ name, asideAt: null, fileId: `id-${name}`, keys }));
    return Promise.resolve(JSON.stringify({ files, others: 0 }));
  }
}

test('recover tells the service the keys of files, and never an identity', async () => {
  const { terminal, out } = fakeTerminal();
  const client = new RecoverClient({ sealed: [{ name: 'a', podman: ['a'] }], aside: 0, failures: [], exit: 0 });
  const dataKey = new SecretValue(Uint8Array.of(1, 2, 3));
  const exit = await run(['sealed', 'recover', '--identity', '/key'], {
    terminal,
    version: '1',
    loadConfig: () => Promise.resolve(defaultConfig({ env: {}, uid: 0 })),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    connect: () => client,
    compose: () =>
      Promise.resolve(
        fakeComposition({
          unwrapWithIdentity: (file, wrapped) => {
            assert.deepEqual([file, wrapped.length], ['/key', 2]);
            return Promise.resolve([dataKey, undefined]);
          },
        }),
      ),
  });
  assert.deepEqual([exit, out], [0, ['sealed anew: 1', 'sealed a']]);
  assert.deepEqual(client.asked, [
    'GET /sealed/recovery',
    'POST /sealed/recover {"keys":[{"name":"a","asideAt":null,"fileId":"id-a","dataKey":"AQID"}]}',
  ]);
  assert.deepEqual([...dataKey.expose()], [0, 0, 0]);
});

test('a private key as an argument goes no further', async () => {
  const { exit, errors, asked } = await psi({}, ['recover', '--identity', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`]);
  assert.deepEqual([exit, asked], [64, []]);
  assert.match(errors.join('\n'), /psi sealed recover --identity - < KEY_FILE/);
  assert.doesNotMatch(errors.join('\n'), /QQQQ/);
});
