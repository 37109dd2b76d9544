import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineText, painted } from '../../../src/core/text/line.ts';
import { blanked, visible, visibleJson } from '../../../src/core/text/visible.ts';

/** What a terminal obeys, or does not show; written by number, as the rule in the source is written by Unicode's properties. */
const UNSEEN: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0001, 0xe0001],
  [0xe0020, 0xe007f],
];
const unseen = fc
  .constantFrom(...UNSEEN)
  .chain(([first, last]) => fc.integer({ min: first, max: last }))
  .map((code) => String.fromCodePoint(code));
const hostile = fc
  .array(fc.oneof(unseen, fc.string({ unit: 'grapheme', maxLength: 5 })))
  .map((parts) => parts.join(''));

function holdsUnseen(text: string): boolean {
  return Array.from(text).some((character) => {
    const code = character.codePointAt(0) ?? 0;
    return UNSEEN.some(([first, last]) => code >= first && code <= last);
  });
}

test('every character that a terminal obeys or does not show is written out', () => {
  for (const [first, last] of UNSEEN) {
    for (let code = first; code <= last; code += 1) {
      const shown = visible(`a${String.fromCodePoint(code)}b`);
      assert.match(shown, /^a(?:\\[nrt]|(?:\\u[0-9a-f]{4}){1,2})b$/, code.toString(16));
    }
  }
  assert.equal(visible('a\u001b[31m\u202eb\r\n\t\u{e0041}'), 'a\\u001b[31m\\u202eb\\r\\n\\t\\udb40\\udc41');
});

test('what can be seen stays as it is', () => {
  for (const text of ['', 'plain', 'Zoë ß 漢字 ١٢٣ 🔑 "\\n"', 'عربي עברית']) assert.equal(visible(text), text);
});

test('whatever a text holds, nothing unseen is left of it', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      assert.ok(!holdsUnseen(visible(text)));
      assert.ok(!holdsUnseen(blanked(text)));
      assert.equal(visible(visible(text)), visible(text));
    }),
  );
});

test('JSON is the same data with nothing unseen in it, laid out or not', () => {
  fc.assert(
    fc.property(fc.dictionary(hostile, hostile), fc.constantFrom(undefined, 2), (data, indent) => {
      const json = visibleJson(JSON.stringify(data, null, indent));
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(data)));
      assert.ok(!holdsUnseen(json.replaceAll('\n', '')));
    }),
  );
});

test('no text passes for a colour', () => {
  const paint = (style: string, text: string): string => `<${style}>${text}</>`;
  assert.equal(lineText(['a ', painted('red', '\u001b[32mb\n'), ' c'], paint), 'a <red>\\u001b[32mb\\n</> c');
  assert.equal(lineText('\u001b[8m', paint), '\\u001b[8m');
});
