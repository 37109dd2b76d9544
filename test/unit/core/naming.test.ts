import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isEnvName, isSecretId, printable, refuseKey, secretName } from '../../../src/core/naming.ts';

test('takes the ids that Podman makes', () => {
  assert.ok(isSecretId('d0a530acce22815a7778d156f'));
});

for (const id of [
  '',
  '.',
  '..',
  'cache.enc',
  '.token.0123.json',
  'driver.hdr',
  'names.json',
  'tls',
  'a/b',
  'a\\b',
  'a\0b',
  'a b',
  '-x',
  'é',
  'x'.repeat(129),
]) {
  test(`is no id: ${JSON.stringify(id.slice(0, 20))}`, () => {
    assert.equal(isSecretId(id), false);
  });
}

for (const key of [
  'A\nB',
  'A\rB',
  'A,B',
  'A"B',
  "A'B",
  'A=B',
  'A B',
  'A/B',
  'A\\B',
  'A\0B',
  'A\u2028B',
  'A\u0085B',
  'A\u00a0B',
  'A\ufeffB',
  'A\ud800',
  '',
  '.',
  '..',
  'x'.repeat(260),
]) {
  test(`refuses the key ${printable(key)} as variable and as file`, () => {
    assert.ok(refuseKey('myapp', key, key, 'env'));
    assert.ok(refuseKey('myapp', key, key, 'mount'));
  });
}

test('refuses as a variable, and takes as a file, a name that only files can have', () => {
  for (const key of ['tls.key', '1A', 'db-host', 'schlüssel', '100%']) {
    assert.ok(refuseKey('myapp', key, key, 'env'), key);
    assert.equal(refuseKey('myapp', key, key, 'mount'), undefined, key);
  }
});

test('an accepted name of a variable is a plain one', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      (key) => refuseKey('w', key, key, 'env') !== undefined || isEnvName(key),
    ),
  );
});

test('prints hostile names in one ASCII line of bounded length', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => /^[\x20-\x7e]{0,80}$/.test(printable(name))));
});

test('names a Podman secret after workload and key', () => {
  assert.equal(secretName('windmill-worker@', 'DB_HOST'), 'windmill-worker@--DB_HOST');
});
