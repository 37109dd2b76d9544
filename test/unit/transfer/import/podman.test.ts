import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driverOptions } from '../../../../src/registration/driver-command/options.ts';
import { PsiError } from '../../../../src/core/error.ts';
import type { RegisteredSecret } from '../../../../src/registration/registered-secret.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { HeldValue } from '../../../../src/transfer/secret-values.ts';
import { podmanSecrets, type PodmanFound, type PodmanSelection } from '../../../../src/transfer/import/podman.ts';
import { NO_HELPER } from '../../../hosts/driver-command.ts';

const PSI = driverOptions({
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  headerFile: undefined,
  helper: NO_HELPER,
});
const HELD: readonly (RegisteredSecret & { readonly value: HeldValue })[] = [
  { id: '1', name: 'DB_HOST', driver: 'file', options: {}, value: { value: SecretValue.fromText('db') } },
  { id: '2', name: 'tls.key', driver: 'pass', options: {}, value: { value: SecretValue.fromText('key') } },
  { id: '3', name: 'myapp--TOKEN', driver: 'shell', options: { ...PSI }, value: { reason: 'not to be asked' } },
  { id: '4', name: 'other', driver: 'shell', options: { lookup: 'cat x' }, value: { reason: 'the value holds NUL' } },
];

async function read(selection: Partial<PodmanSelection> = {}): Promise<PodmanFound & { readonly asked: string[] }> {
  const asked: string[] = [];
  const found = await podmanSecrets(
    {
      registry: { list: () => Promise.resolve(HELD) },
      values: {
        read: ({ id, name }) => {
          asked.push(name);
          return Promise.resolve(HELD.find((secret) => secret.id === id)?.value ?? { reason: 'unknown' });
        },
      },
    },
    { names: undefined, keys: new Map(), ...selection },
  );
  return { ...found, asked };
}

test('takes all of them by their names, and leaves out what psi registered itself', async () => {
  const { entries, refused, leftOut, asked } = await read();
  assert.deepEqual(
    entries.map(({ key, value, from }) => [key, value.exposeText(), from]),
    [
      ['DB_HOST', 'db', 'podman secret DB_HOST'],
      ['tls.key', 'key', 'podman secret tls.key'],
    ],
  );
  assert.deepEqual(leftOut, ['myapp--TOKEN']);
  assert.deepEqual(
    refused.map(({ key, from, reason }) => [key, from, reason]),
    [['other', 'podman secret other', 'the value holds NUL']],
  );
  assert.ok(!asked.includes('myapp--TOKEN'));
});

test('takes the named ones only, each once', async () => {
  const { entries, asked } = await read({ names: ['DB_HOST', 'DB_HOST'] });
  assert.deepEqual([entries.length, asked], [1, ['DB_HOST']]);
});

test('gives another key where it is asked for, and to nothing else', async () => {
  const { entries } = await read({ names: ['tls.key', 'DB_HOST'], keys: new Map([['tls.key', 'TLS_KEY']]) });
  assert.deepEqual(
    entries.map(({ key, note }) => [key, note]),
    [
      ['TLS_KEY', undefined],
      ['DB_HOST', undefined],
    ],
  );
});

test('says of a name that cannot be a variable how it can be used', async () => {
  assert.match((await read({ names: ['tls.key'] })).entries[0]?.note ?? '', /as: mount[^]*--key/);
});

test('promises no file for a key that psi could not register', async () => {
  for (const [key, why] of [
    ['a b', /psi could not give it out: .*blank.*; use --key/],
    ['K'.repeat(260), /longer than Podman allows/],
  ] as const) {
    const { entries } = await read({ names: ['DB_HOST'], keys: new Map([['DB_HOST', key]]) });
    assert.match(entries[0]?.note ?? '', why);
    assert.doesNotMatch(entries[0]?.note ?? '', /as: mount/);
  }
});

test('refuses a name that podman does not have, and reads the others', async () => {
  const { entries, refused } = await read({ names: ['nowhere', 'DB_HOST'] });
  assert.equal(entries.length, 1);
  assert.deepEqual(
    refused.map(({ key, reason }) => [key, reason]),
    [['nowhere', 'podman has no such secret']],
  );
});

test('a key for a secret that is not imported is a mistake of the command', async () => {
  await assert.rejects(
    read({ names: ['DB_HOST'], keys: new Map([['tls.key', 'TLS_KEY']]) }),
    (error) => error instanceof PsiError && error.code === 'USAGE',
  );
});
