import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import picomatch from 'picomatch';
import { keyPattern } from '../../../src/config/schema/name-fields.ts';
import { matcherOf } from '../../../src/survey/key-pattern.ts';
import { linearMatcher } from '../../../src/survey/linear-regexp.ts';

/** Pieces that mean something to picomatch, alone or side by side, beside plain text. */
const PIECES = [
  ...['*', '**', '?', 'A', 'b', '_', '.', '1', '-', ',', '|', '+', '@', '!', '^', '$', '"', ':', '=', 'é'],
  ...[
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '@(',
    '+(',
    '*(',
    '?(',
    '!(',
    '[!',
    '[^',
    '..',
    '(?:',
    '(?=',
    '(?!',
    '(?<=',
    '(?<n>',
  ],
  ...['DB_', '[a-c]', '[[:alpha:]]', '[[:punct:]]', '{A,b}', '{1..3}', '@(A|b)', '+(A|b_)', '!(A*)', '*(b)', '(A|b)'],
];
const KEY_PIECES = [
  'A',
  'A',
  'b',
  'b',
  '_',
  '_',
  '.',
  '.',
  '1',
  '1',
  '-',
  '|',
  '/',
  '\n',
  '+',
  '@',
  '!',
  ...'{}[](),"^$é'.split(/(?:)/),
  'DB_',
];
const pattern = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 })
  .map((pieces) => pieces.join(''))
  .filter((text) => accepted(text));
const key = fc.oneof(
  fc.array(fc.constantFrom(...KEY_PIECES), { maxLength: 9 }).map((chars) => chars.join('')),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

/** What a config may hold. */
function accepted(text: string): boolean {
  return typeof keyPattern.spec.parse(text) === 'string';
}

test('a pattern of the config takes the keys that picomatch takes', () => {
  let taken = 0;
  fc.assert(
    fc.property(pattern, fc.array(key, { minLength: 5, maxLength: 20 }), (text, keys) => {
      const matches = matcherOf([text]);
      for (const each of [...keys, text]) {
        const expected = picomatch.isMatch(each, [text], { dot: true, bash: true });
        if (expected) taken += 1;
        assert.equal(matches(each), expected, JSON.stringify({ text, each }));
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 3000, 'enough of the keys are taken for the comparison to mean something');
});

for (const text of ['DB_*', 'DB_{HOST,PORT}', '[A-C]?*', 'x!(a)', '!(', '+(A|BB)_*', '*(*)', '{1..3}', '(?<=A)b']) {
  test(`the pattern ${text} takes the short keys that picomatch takes`, () => {
    if (!accepted(text)) return;
    const matches = matcherOf([text]);
    for (const each of ['', 'A', 'DB_', 'DB_HOST', 'DB_X', 'DB_HOST2', 'Cx', 'BBA_', 'xa', 'xb', '2', '4', 'b', '\n']) {
      assert.equal(matches(each), picomatch.isMatch(each, text, { dot: true, bash: true }), each);
    }
  });
}

for (const source of [
  /^(?:a|ab)(?:c|bcd)(?:d*)$/,
  /^(a*)*b?$/,
  /^((a*b)*c)*$/,
  /^a{2,3}b{0,1}c{2}(?:d{2,})?$/,
  /^(?=a+b)(?!aab)[ab\-\]]*$/,
  /^(?:(?<=a)b|(?<!a)c|a)*$/,
  /^(?<n>a|\x62)[^]*?[\u0063]$/,
  /^(?:)*a(?:b?)+$/,
  /$^/,
]) {
  test(`matches as JavaScript does: ${source.source}`, () => {
    // In a group of its own the expression does not begin with `^`, so it is not left to JavaScript.
    const [left, own] = [linearMatcher(source), linearMatcher(new RegExp(`(?:${source.source})`))];
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ']'), { maxLength: 8 }).map((chars) => chars.join(''));
    fc.assert(
      fc.property(text, (each) => {
        assert.deepEqual([left(each), own(each)], [source.test(each), source.test(each)]);
      }),
      { numRuns: 500 },
    );
  });
}

for (const text of [
  '*_*_*_*_KEY',
  '*_*_*_*_*_*_*_*_*_*_KEY',
  '+(_|__|*_)KEY',
  'x!(*_*_*_*_*KEY)',
  '*!(*_*_*_*_*)_*KEY',
]) {
  test(`a long key takes ${text} no longer than its length says`, { timeout: 20_000 }, () => {
    assert.equal(matcherOf([text])(`y${'_'.repeat(1022)}`), false);
  });
}
