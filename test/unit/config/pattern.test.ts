// The workload pattern of a config, beside the workloads that it names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf, load, PROVIDER } from './support.ts';

test('the pattern is none of the workloads, and has what one of them may have but a name and a unit', async () => {
  const { workloads, pattern } = await load(
    `${PROVIDER}workloads:\n  "*":\n    depends_on: [db.service]\n    secrets: [{project: myproject, path: "/a/{workload}", keys: {A: B}}]\n  myapp: {}\n`,
  );
  assert.deepEqual(
    workloads.map(({ name, unit }) => [name, unit]),
    [['myapp', 'myapp.container']],
  );
  assert.deepEqual([pattern?.provider, pattern?.dependsOn], ['infisical', ['db.service']]);
  assert.deepEqual(
    pattern?.secrets.map(({ path, keys }) => [path, keys?.map(({ key }) => key)]),
    [['/a/{workload}', ['A']]],
  );
  assert.equal((await load(PROVIDER)).pattern, undefined);
});

test('checks that hold for a workload hold for the pattern too', async () => {
  const text =
    '"*": {provider: nope, secrets: [{project: myproject, path: "/{workload}", keys: {A: X, B: X}, recursive: true}]}';
  const codes = (await findingsOf(`${PROVIDER}workloads:\n  ${text}\n`)).map(({ code }) => code);
  assert.deepEqual(codes.toSorted(), ['KEYS_ALONE', 'TARGET_TAKEN', 'TARGET_TAKEN', 'UNKNOWN_PROVIDER']);
});

test('a text with the placeholder is refused wherever it would stand for itself, and only there', async () => {
  const of = async (source: string): Promise<readonly (readonly [string, string])[]> => {
    const found = await findingsOf(`${PROVIDER}workloads:\n  "*":\n    secrets:\n      - ${source}\n`);
    return found.map(({ code, path }) => [code, path]);
  };
  assert.deepEqual(await of('{project: myproject, path: "/{workload}/{workload}-x"}'), []);
  assert.deepEqual(await of('{project: myproject, path: "/{workload}", exclude: ["{workload}*"]}'), [
    ['PLACEHOLDER_ELSEWHERE', 'workloads.*.secrets.0.exclude.0'],
  ]);
  assert.deepEqual(await of('{project: myproject, path: "/{workload}/{other}"}'), [
    ['UNKNOWN_PLACEHOLDER', 'workloads.*.secrets.0.path'],
  ]);
});
