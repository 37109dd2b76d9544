import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitWords } from '../../../../src/transfer/quadlet/words.ts';

const texts = (value: string): readonly string[] => splitWords(value).words.map(({ text }) => text);

// Each as Podman 5.4's generator reads it.
const CASES: readonly (readonly [value: string, words: readonly string[]])[] = [
  ['A=1 B=2', ['A=1', 'B=2']],
  ['  A=1 \t B=2  ', ['A=1', 'B=2']],
  ['"A=two words" \'B=it"s\' C="half"quoted', ['A=two words', 'B=it"s', 'C=halfquoted']],
  ['"A=x\\ty\\nz" B=\\x41\\s\\\\', ['A=x\ty\nz', 'B=A \\']],
  ["'A=\\u00e9 \\U0001F511'", ['A=é 🔑']],
  ['A= B=""', ['A=', 'B=']],
  ['"A=an open quote', ['A=an open quote']],
  ['A=trailing\\', ['A=trailing']],
  ["A='it'\"'\"'s'", ["A=it's"]],
  ['', []],
];

for (const [value, words] of CASES) {
  test(`splits ${JSON.stringify(value)}`, () => {
    assert.deepEqual(texts(value), words);
  });
}

test('keeps each word as it stands in the file', () => {
  assert.deepEqual(
    splitWords('"A=x y" B=\\n').words.map(({ raw }) => raw),
    ['"A=x y"', 'B=\\n'],
  );
});

test('ends the line at an empty word, as podman does', () => {
  assert.deepEqual(splitWords('A=1 "" B=2'), { words: [{ text: 'A=1', raw: 'A=1' }], unread: '"" B=2' });
});

for (const value of ['A=1 B=\\d', 'A=\\x0', 'A=\\x00', 'A=\\u12', 'A=\\U00110000', 'A=\\é']) {
  test(`takes nothing from a line with an escape that podman does not know: ${value}`, () => {
    const { words, ignored } = splitWords(value);
    assert.deepEqual([words, typeof ignored], [[], 'string']);
  });
}

for (const value of ['A=\\101', 'A=\\0', 'A=\\xe9', 'A=\\ud800', 'A=\\u0080']) {
  test(`says that an escape is read differently from version to version: ${value}`, () => {
    assert.match(splitWords(value).words[0]?.unclear ?? '', /not every version/);
  });
}
