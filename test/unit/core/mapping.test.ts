import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMapping,
  decodeStored,
  encodeMapping,
  looksLikeMapping,
  sameMapping,
  type StoredMapping,
} from '../../../src/core/mapping.ts';

const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const mapping = fc.record({ provider: text, project: text, path: text.map((value) => `/${value}`), key: text });

test('writes the bytes that Podman stores, in this order and without blanks', () => {
  assert.equal(
    encodeMapping({ key: 'DB_HOST', path: '/myapp', project: 'myproject', provider: 'infisical' }),
    '{"provider":"infisical","project":"myproject","path":"/myapp","key":"DB_HOST"}',
  );
});

test('reads what the Python PSI wrote, escapes of its JSON too', () => {
  const read = (name: string): unknown =>
    decodeMapping(readFileSync(new URL(`../../vectors/python-psi/mapping/${name}`, import.meta.url), 'utf8'));
  const place = { provider: 'infisical', project: 'main' };
  assert.deepEqual(read('1.json'), { ...place, path: '/myapp', key: 'DB_HOST' });
  assert.deepEqual(read('2.json'), { ...place, path: '/myapp/sub', key: 'UMLÄUT' });
});

test('reads back every mapping it writes', () => {
  fc.assert(
    fc.property(mapping, (written) => {
      const read = decodeMapping(encodeMapping(written));
      return read !== undefined && sameMapping(read, written);
    }),
  );
});

test('reads what the Python PSI wrote, blanks after separators included', () => {
  assert.deepEqual(decodeMapping('{"provider": "infisical", "project": "p", "path": "/", "key": "K"}'), {
    provider: 'infisical',
    project: 'p',
    path: '/',
    key: 'K',
  });
});

for (const [what, body] of [
  ['a plain value', 's3cr3t'],
  ['nothing', ''],
  ['an array', '[]'],
  ['null', 'null'],
  ['a missing field', '{"provider":"i","project":"p","path":"/"}'],
  ['an extra field', '{"provider":"i","project":"p","path":"/","key":"K","value":"s3cr3t"}'],
  ['a relative path', '{"provider":"i","project":"p","path":"x","key":"K"}'],
  ['an empty key', '{"provider":"i","project":"p","path":"/","key":""}'],
  ['a number as key', '{"provider":"i","project":"p","path":"/","key":1}'],
  ['a NUL in the key', '{"provider":"i","project":"p","path":"/","key":"a\\u0000"}'],
  ['more bytes than any mapping', JSON.stringify({ provider: 'i', project: 'p', path: '/', key: 'k'.repeat(17_000) })],
] as const) {
  test(`is no mapping: ${what}`, () => {
    assert.equal(decodeMapping(body), undefined);
  });
}

test('never throws, whatever the body is', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (body) => decodeMapping(body) === undefined || true));
});

test('reads back mappings of values on this host, and no other text as one', () => {
  const own: readonly StoredMapping[] = [
    { provider: 'sealed', name: 'db' },
    { provider: 'nitrokeyhsm', blob: 'AQA=' },
    { provider: 'i', project: 'p', path: '/', key: 'K' },
  ];
  for (const one of own) assert.deepEqual(decodeStored(encodeMapping(one)), one);
  for (const a of own) for (const b of own) assert.equal(sameMapping(a, b), a === b);
  for (const text of [
    '{"provider":"sealed","name":""}',
    '{"provider":"sealed","name":"db","value":"s3cr3t"}',
    '{"provider":"sealed","name":"db","blob":"AQA="}',
    '{"provider":"n","blob":"AQA=","path":"/"}',
    '{"name":"db"}',
    '{"provider":1,"blob":"AQA="}',
    JSON.stringify({ provider: 'n', blob: 'A'.repeat(512_000) }),
  ]) {
    assert.equal(decodeStored(text), undefined, text.slice(0, 60));
  }
});

test('a text that was meant as a mapping is told from a value', () => {
  for (const text of [
    '{"provider":"i"}',
    '{"provider":"i","project":"p","path":"/","kye":"K"}',
    '{"provider":"i","path":"x"}',
    ' { "provider": "i", "proj',
  ]) {
    assert.ok(looksLikeMapping(text), text);
  }
  for (const text of ['s3cr3t', '', '{}', '[]', '{"provider":"aws","access_key":"k"}', '{"name":"db"}', '{"user":']) {
    assert.ok(!looksLikeMapping(text), text);
  }
});
