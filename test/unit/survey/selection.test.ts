import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetched } from '../../fakes/fetched.ts';
import type { ListedSecret } from '../../../src/provider/secret-source.ts';
import { mergeSelections, select } from '../../../src/survey/selection.ts';
import type { SecretSpec, Workload } from '../../../src/core/workload.ts';

const SPEC: SecretSpec = {
  project: 'p',
  path: '/a',
  recursive: false,
  include: [],
  exclude: [],
  prefix: '',
  as: 'env',
  mode: undefined,
  allowEmpty: false,
};
const WORKLOAD: Workload = {
  name: 'myapp',
  provider: 'infisical',
  unit: 'myapp.container',
  dependsOn: [],
  secrets: [SPEC],
};

function listed(key: string, value = 'v', path = '/a'): ListedSecret {
  return { key, path, fetched: fetched(value) };
}

function names(spec: Partial<SecretSpec>, secrets: readonly ListedSecret[]): readonly string[] {
  return select(WORKLOAD, { ...SPEC, ...spec }, secrets).secrets.map((secret) => secret.target);
}

test('takes everything that is listed when nothing is included by name', () => {
  assert.deepEqual(names({}, [listed('A'), listed('B')]), ['A', 'B']);
});

test('takes what an include pattern matches and no exclude pattern does', () => {
  const secrets = [listed('DB_HOST'), listed('DB_ROOT'), listed('OTHER')];
  assert.deepEqual(names({ include: ['DB_*'], exclude: ['DB_ROOT'] }, secrets), ['DB_HOST']);
});

test('refuses by name a key that is too long for Podman, and leaves it out where a pattern says so', () => {
  const long = '_'.repeat(300);
  const refused = (spec: Partial<SecretSpec>, key: string): readonly string[] =>
    select(WORKLOAD, { ...SPEC, ...spec }, [listed(key)]).refused.map(({ reason }) => reason.slice(0, 30));
  assert.deepEqual(refused({}, long), ['the name is longer than Podman']);
  assert.deepEqual(refused({ include: ['*_*'] }, long), ['the name is longer than Podman']);
  assert.deepEqual(refused({ include: ['*_*_*_*_KEY'] }, long), []);
  assert.deepEqual(refused({ exclude: ['_*'] }, long), []);
});

test('holds no pattern against a key without measure, and refuses it by name', () => {
  const { secrets, refused } = select(WORKLOAD, { ...SPEC, include: ['A'] }, [listed('x'.repeat(1025)), listed('A')]);
  assert.deepEqual(
    secrets.map(({ target }) => target),
    ['A'],
  );
  assert.match(refused[0]?.reason ?? '', /has 1025 characters: no pattern/);
});

test('puts the prefix before the name of the variable and of the secret, and keeps the key of the provider', () => {
  const [secret] = select(WORKLOAD, { ...SPEC, prefix: 'SHARED_' }, [listed('X')]).secrets;
  assert.deepEqual([secret?.name, secret?.target, secret?.mapping.key], ['myapp--SHARED_X', 'SHARED_X', 'X']);
});

test('refuses a key found in several folders instead of choosing one', () => {
  const selection = select(WORKLOAD, { ...SPEC, recursive: true }, [
    listed('A', 'v', '/a/x'),
    listed('A', 'v', '/a/y'),
    listed('B'),
  ]);
  assert.deepEqual(
    selection.secrets.map((secret) => secret.target),
    ['B'],
  );
  assert.match(selection.refused[0]?.reason ?? '', /\/a\/x and \/a\/y/);
});

test('maps a secret of a sub-folder to the folder it lives in', () => {
  assert.equal(
    select(WORKLOAD, { ...SPEC, recursive: true }, [listed('A', 'v', '/a/x')]).secrets[0]?.mapping.path,
    '/a/x',
  );
});

for (const [what, spec, value, refused] of [
  ['a variable of 60 KB', {}, 'x'.repeat(60_000), false],
  ['a variable of the limit of the kernel', {}, 'x'.repeat(131_072 - 1 - 2), false],
  ['a variable one byte over it', {}, 'x'.repeat(131_072 - 1 - 1), true],
  ['a file of 511,999 bytes', { as: 'mount' }, 'x'.repeat(511_999), false],
  ['a file of 512,000 bytes', { as: 'mount' }, 'x'.repeat(512_000), true],
  ['a variable with a NUL', {}, 'a\0b', true],
  ['a file with a NUL', { as: 'mount' }, 'a\0b', false],
  ['an empty variable', {}, '', false],
] as const) {
  test(`${refused ? 'refuses' : 'takes'} ${what}`, () => {
    const selection = select(WORKLOAD, { ...SPEC, ...spec }, [listed('A', value), listed('B')]);
    assert.equal(selection.refused.length, refused ? 1 : 0);
    assert.ok(selection.secrets.some((secret) => secret.target === 'B'));
  });
}

test('never shows a value in a refusal', () => {
  const selection = select(WORKLOAD, SPEC, [listed('A', `canary\0${'x'.repeat(9)}`), listed('B C', 'canary')]);
  assert.equal(selection.refused.length, 2);
  assert.doesNotMatch(JSON.stringify(selection), /canary/);
});

test('lets the later source win on an equal name, and says so', () => {
  const first = select(WORKLOAD, SPEC, [listed('A')]);
  const second = select(WORKLOAD, { ...SPEC, path: '/b' }, [listed('A', 'v', '/b')]);
  const merged = mergeSelections(WORKLOAD, [first, second]);
  assert.deepEqual(
    merged.secrets.map((secret) => secret.mapping.path),
    ['/b'],
  );
  assert.deepEqual(merged.overridden, [{ workload: 'myapp', name: 'myapp--A', by: 'p:/b' }]);
});
