import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../../src/core/error.ts';
import { parseQuadlet } from '../../../../src/transfer/quadlet/file.ts';

const lines = (text: string): readonly (readonly [string, string, string, number])[] =>
  parseQuadlet('/q/a.container', text).lines.map(({ group, key, value, first }) => [group, key, value, first + 1]);

test('reads groups, keys and values with their lines', () => {
  assert.deepEqual(lines('# head\n\n[Unit]\nAfter=x\n[Container]\n  Image = localhost/x \r\nExec=a=b\n'), [
    ['Unit', 'After', 'x', 4],
    ['Container', 'Image', 'localhost/x', 6],
    ['Container', 'Exec', 'a=b', 7],
  ]);
});

test('joins continued lines without a blank of its own and passes over comments between them', () => {
  assert.deepEqual(lines('[Container]\nEnvironment=A=1 \\\n# note\n\n  B=2\\\n  C\nImage=x\n'), [
    ['Container', 'Environment', 'A=1 B=2C', 2],
    ['Container', 'Image', 'x', 7],
  ]);
});

test('drops a continued line that only a comment ends', () => {
  assert.deepEqual(lines('[Container]\nImage=x\nEnvironment=A=1 \\\n# end\n'), [['Container', 'Image', 'x', 2]]);
});

test('keeps every byte of the text', () => {
  const text = '; x\r\n[Container]\r\nEnvironment=A=1 \\\r\n B=2\n\n\n[Install]\nWantedBy=x';
  assert.equal(parseQuadlet('/q/a.container', text).physical.join(''), text);
});

test('an empty file has no lines', () => {
  assert.deepEqual(lines(''), []);
});

for (const text of ['[Container]\nno assignment\n', 'A=1\n', '[Container\nA=1\n', '[Container]\n=1\n', '[C]\nA=\0\n']) {
  test(`refuses, with its line, what podman makes no unit of: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => lines(text),
      (error) => error instanceof PsiError && error.code === 'BAD_REQUEST' && /a\.container:[12] /.test(error.message),
    );
  });
}
