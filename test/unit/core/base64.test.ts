import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBase64 } from '../../../src/core/base64.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';

test('gives back any bytes, wrapped or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      const wrapped = `${text.replace(/.{76}/g, '$&\r\n')}\n`;
      for (const each of [text, wrapped]) assert.deepEqual(decodeBase64(SecretValue.fromText(each))?.expose(), bytes);
    }),
    { seed: 20261124 },
  );
});

for (const text of ['a', 'ab', 'abc', 'ab=', 'abc-', 'ab_d', 'a===', 'YQ==YQ==', 'not base64!', '\ufeffYQ==']) {
  test(`refuses ${JSON.stringify(text)} rather than decode a part of it`, () => {
    assert.equal(decodeBase64(SecretValue.fromText(text)), undefined);
  });
}
