import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSecretOption } from '../../../../src/transfer/quadlet/secret-option.ts';

for (const [word, path] of [
  ['key', 'key'],
  ['key,target=', 'key'],
  ['key,target=a/b', 'a/b'],
  ['key,target=a//./b/', 'a/b'],
  ['key,target=./key', 'key'],
  ['key,target=../key', '/run/key'],
  ['key,target=../../../key', '/key'],
  ['key,target=a/../../secrets/b', 'b'],
  ['key,target=/etc//app/./x/../key', '/etc/app/key'],
  ['key,target=/run/secrets/key', '/run/secrets/key'],
] as const) {
  test(`${word}: the file is ${path}, as Podman finds it`, () => {
    assert.deepEqual(parseSecretOption(word)?.use, { kind: 'mount', target: path });
  });
}

test('the name of a variable is taken as it stands', () => {
  assert.equal(parseSecretOption('key,type=env,target=a//../b')?.variable, 'a//../b');
});
