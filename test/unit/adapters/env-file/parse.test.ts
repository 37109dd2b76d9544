// Env files: what is taken, and what is refused with its line rather than read in one of several ways.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'dotenv';
import { parseEnvFile } from '../../../../src/adapters/env-file/parse.ts';

function taken(text: string): Readonly<Record<string, string | undefined>> {
  const { entries, refused } = parseEnvFile(text, 'x.env');
  assert.deepEqual(refused, []);
  return Object.fromEntries(entries.map(({ key, value }) => [key, value.exposeExactText()]));
}

/** `LINE KEY`, or only the line where no key is named. */
function refusals(text: string): readonly string[] {
  return parseEnvFile(text, 'x.env').refused.map(({ key, from }) =>
    [from.slice('x.env:'.length), key].join(' ').trim(),
  );
}

describe('what is taken', () => {
  const CASES: readonly (readonly [what: string, text: string, values: Readonly<Record<string, string>>])[] = [
    [
      'plain assignments, blank lines and comments',
      '# head\n\nA=1\n  # more\nB=two words\n',
      { A: '1', B: 'two words' },
    ],
    ['empty values', 'A=\nB=""\nC=\'\'', { A: '', B: '', C: '' }],
    [
      'equal signs, quotes and dollars inside',
      "A=a=b==\nB=it's\nC=a\"b\nD='$x ${y}'\nE=5$ $.",
      { A: 'a=b==', B: "it's", C: 'a"b', D: '$x ${y}', E: '5$ $.' },
    ],
    ['JSON between single quotes', `A='{"a": "b # c"}'`, { A: '{"a": "b # c"}' }],
    [
      'backslashes that mean themselves',
      `A='C:\\dir\\new'\nB='a\\nb'\nC='\\d'`,
      { A: 'C:\\dir\\new', B: 'a\\nb', C: '\\d' },
    ],
    ['several lines between quotes of each kind', 'A="1\n2"\nB=\'3\n\n4\'\n', { A: '1\n2', B: '3\n\n4' }],
    ['outer blanks and newlines between quotes', `A=' x '\nB="x\n\n"`, { A: ' x ', B: 'x\n\n' }],
    ['line ends of Windows', 'A=1\r\nB="2"\r\n', { A: '1', B: '2' }],
    ['no last newline', 'A=1', { A: '1' }],
    ['nothing', '', {}],
  ];
  for (const [what, text, values] of CASES) {
    test(what, () => {
      assert.deepEqual(taken(text), values);
    });
  }

  test('a certificate between quotes, and a value of 60 KB', () => {
    const pem = `-----BEGIN CERTIFICATE-----\n${'MIIB+/='.repeat(9)}\n`.repeat(900);
    assert.deepEqual(taken(`A="${pem}"\nB=1`), { A: pem, B: '1' });
  });

  test('each with the line it stands on', () => {
    const { entries } = parseEnvFile('\nA=1\nB="2\n3"\n\nC=4', 'x.env');
    assert.deepEqual(
      entries.map(({ key, from }) => [key, from]),
      [
        ['A', 'x.env:2'],
        ['B', 'x.env:3'],
        ['C', 'x.env:6'],
      ],
    );
  });
});

describe('what is refused with its line', () => {
  const CASES: readonly (readonly [what: string, text: string, refusals: readonly string[]])[] = [
    ['no equal sign', 'A\nexport B\n', ['1', '2']],
    ['a colon in its place', 'A: 1', ['1']],
    ['a name that is none', 'ä=1\nmy key=1\n=1', ['1', '2', '3']],
    ['a hash in a value without quotes', 'A=pass#word\nB=#x', ['1 A', '2 B']],
    ['blanks at the ends of a value without quotes', 'A= x\nB=x \nC=  ', ['1 A', '2 B', '3 C']],
    ['a backslash at the end', 'A=x\\\nB=1', ['1 A']],
    ['an escaped quote', `A="a\\"b"\nB='it\\'s'\nC=1`, ['1 A', '2 B']],
    ['an escaped backslash, dollar or backtick', 'A="a\\\\b"\nB="\\$x"\nC="\\`"', ['1 A', '2 B', '3 C']],
    ['a backslash before the closing quote', `A='a\\\\'\nB="a\\\\"\nC=1`, ['1 A', '2 B']],
    ['something behind the quotes', 'A="a"b\nB="a" "b"\nC=\'it\'s\'', ['1 A', '2 B', '3 C']],
    ['a quote that is not closed', 'A="1\nB=2\nC=3', ['1 A']],
    ['line ends of Windows inside a value', 'A="1\r\n2"\r\nB=1\r\n', ['1 A']],
    ['a single carriage return, and a NUL', 'A=a\rb\nB=a\0b\nC="\0"', ['1 A', '2 B', '3 C']],
    ['a certificate without quotes', 'A=-----BEGIN X-----\nAAAA==\n-----END X-----\nB=1', ['1 A']],
    ['`export`, which podman takes for a part of the name', 'export A=1\n  export B="2"\n', ['1 A', '2 B']],
    ['a dollar that a shell or compose acts on', 'A=pa$$w0rd\nB="$x"\nC=${x:-y}\nD=a`b', ['1 A', '2 B', '3 C', '4 D']],
    ['a backslash outside single quotes', 'A=C:\\temp\\new\nB="\\d"\nC="one\\ntwo"', ['1 A', '2 B', '3 C']],
    ['backticks as quotes', 'C=`5\n6`\nD=1', ['1 C']],
    ['a comment behind quotes, or behind a value', 'A="1" # why\nB=\'2\'#x\nC=abc # why', ['1 A', '2 B', '3 C']],
    ['a byte order mark', '\ufeffA=1\nB=1', ['1 A']],
    ['names that systemd does not take', 'a.b=1\nc-D=1\n1A=1', ['1 a.b', '2 c-D', '3 1A']],
    ['blanks around the equal sign or behind quotes', 'A = "1"\nB= "1"\nC="1" ', ['1 A', '2 B', '3 C']],
    ['a line that systemd takes for a comment', ';A=1', ['1']],
    ['what dotenv would lose', '__proto__=x', ['1 __proto__']],
  ];
  for (const [what, text, expected] of CASES) {
    test(what, () => {
      assert.deepEqual(refusals(text), expected);
    });
  }

  test('a value whose next line is no assignment, with that line, and base64 there is no name', () => {
    const text = 'KEY=MIIBVgIBADANBgkqhkiG9w0BAQEF\nAASCAUAwggE8AgEAAkEAq7BF\nc2VjcmV0LW1hdGVyaWFs==\n\nNEXT=1';
    const { entries, refused } = parseEnvFile(text, 'x.env');
    assert.deepEqual(
      refused.map(({ key, from }) => [key, from]),
      [
        ['KEY', 'x.env:1'],
        [undefined, 'x.env:2'],
        [undefined, 'x.env:3'],
      ],
    );
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['NEXT'],
    );
    assert.ok(!JSON.stringify(refused).includes('c2VjcmV0'));
  });

  test('how far it did not read', () => {
    const [first] = parseEnvFile('A="x\\"\nB=2\nC="3"\nD=4', 'x.env').refused;
    assert.match(first?.reason ?? '', /up to line 3/);
  });
});

test('every line of any text is taken as dotenv takes it, refused, blank or a comment', () => {
  const piece = fc.constantFrom(
    'A',
    'B',
    '=',
    '"',
    "'",
    '`',
    '\\',
    '#',
    ' ',
    '\n',
    '\r',
    'export ',
    'é',
    '$',
    ':',
    '\u2028',
    '\t',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      const { entries, refused } = parseEnvFile(text, 'x.env');
      if (refused.length === 0 && new Set(entries.map(({ key }) => key)).size === entries.length) {
        // Nothing is refused: then the parser of the whole file finds the same.
        const all = Object.fromEntries(entries.map(({ key, value }) => [key, value.exposeExactText()]));
        assert.deepEqual(all, { ...parse(text) });
      }
      for (const { key, value } of entries) assert.ok(text.includes(key) && value.exposeExactText() !== undefined);
    }),
    { seed: 20261124, numRuns: 20_000 },
  );
});
