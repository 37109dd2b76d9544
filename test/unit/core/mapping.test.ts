import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMapping, encodeMapping, sameMapping } from '../../../src/core/mapping.ts';

const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const mapping = fc.record({ provider: text, project: text, path: text.map((value) => `/${value}`), key: text });

test('writes the bytes that Podman stores, in this order and without blanks', () => {
  assert.equal(
    encodeMapping({ key: 'DB_HOST', path: '/myapp', project: 'myproject', provider: 'infisical' }),
    '{"provider":"infisical","project":"myproject","path":"/myapp","key":"DB_HOST"}',
  );
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
