// What `psi infisical env` prints: read back by each reader as it was, or left out by name.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { renderEnv, type EnvFormat, type EnvReader, type Rendered } from '../../../src/transfer/env-format.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { readAsPodman, readAsSystemd } from '../../hosts/env-readers.ts';
import { WORDS } from '../../fakes/provider.fake.ts';

const EXPORT: EnvFormat = { kind: 'export' };
const BOTH: EnvFormat = { kind: 'env', readers: ['podman', 'systemd'] };
const forOne = (reader: EnvReader): EnvFormat => ({ kind: 'env', readers: [reader] });

function render(values: Readonly<Record<string, string>>, format: EnvFormat): Rendered {
  return renderEnv(
    Object.entries(values).map(([key, value]) => ({ key, value: SecretValue.fromText(value) })),
    format,
    WORDS,
  );
}

const reasons = (rendered: Rendered): readonly string[] =>
  rendered.leftOut.map(({ key, reason }) => `${key}: ${reason}`);

describe('export', () => {
  test('quotes so that nothing in a value is seen by the shell', () => {
    assert.deepEqual(render({ A: `it's $HOME \`id\` "x" \\ \n!`, B: '' }, EXPORT).lines, [
      `export A='it'\\''s $HOME \`id\` "x" \\ \n!'`,
      `export B=''`,
    ]);
  });

  test('leaves out names that are no variables, and those of the shell itself', () => {
    const { lines, leftOut } = render(
      {
        'a.b': '1',
        '1A': '1',
        'A;id': '1',
        RANDOM: 'a[$(id)]',
        PS4: '$(id)',
        BASH_ENV: '$(id)',
        ENV: '$(id)',
        MAILPATH: 'm?$(id)',
        SHLVL: '7',
        OK: '1',
      },
      EXPORT,
    );
    assert.deepEqual(lines, [`export OK='1'`]);
    assert.deepEqual(
      leftOut.map(({ key }) => key),
      ['a.b', '1A', 'A;id', 'RANDOM', 'PS4', 'BASH_ENV', 'ENV', 'MAILPATH', 'SHLVL'],
    );
  });

  test('leaves out what a variable cannot hold', () => {
    assert.deepEqual(reasons(render({ NUL: 'a\0b', LONG: 'x'.repeat(131_067) }, EXPORT)), [
      'NUL: a variable cannot hold a NUL',
      'LONG: it is too long for a variable (128 KiB)',
    ]);
    assert.equal(render({ LONG: 'x'.repeat(131_066) }, EXPORT).leftOut.length, 0);
  });
});

describe('env', () => {
  test('says for which of the two a value is nothing, and what would print it', () => {
    const { leftOut, lines } = render(
      {
        PLAIN: 'a "b" c#d = $e',
        NEWLINE: 'a\nb',
        BACKSLASH: 'a\\b',
        QUOTE: '"a"',
        BLANK: ' a',
        RETURN: 'a\r',
        BELL: 'a\u0007',
      },
      BOTH,
    );
    assert.deepEqual(lines, ['PLAIN=a "b" c#d = $e']);
    assert.deepEqual(
      leftOut.map(({ key, hint }) => [key, /--for (\w+)/.exec(hint ?? '')?.[1]]),
      [
        ['NEWLINE', 'systemd'],
        ['BACKSLASH', 'podman'],
        ['QUOTE', 'podman'],
        ['BLANK', 'podman'],
        ['RETURN', undefined],
        ['BELL', 'podman'],
      ],
    );
    assert.match(leftOut[0]?.reason ?? '', /^podman run --env-file: .*newline.*; EnvironmentFile of systemd: /);
  });

  test('keeps to the line that podman reads at once', () => {
    assert.equal(render({ K: 'x'.repeat(65_533) }, BOTH).leftOut.length, 0);
    assert.match(reasons(render({ K: 'x'.repeat(65_534) }, BOTH))[0] ?? '', /podman.*64 KiB/);
    assert.equal(render({ K: 'x'.repeat(65_534) }, forOne('systemd')).leftOut.length, 0);
  });

  test('takes more names for podman than for systemd', () => {
    const names = { 'a.b': '1', ä: '1', 'A=B': '1', '#A': '1', ' A': '1' };
    assert.deepEqual(render(names, forOne('podman')).lines, ['a.b=1', 'ä=1']);
    assert.deepEqual(render(names, BOTH).lines, []);
  });
});

test('json holds every text, under every name', () => {
  const values = { A: 'x\0\n"', __proto__x: '1', 'a b': '2' };
  const { lines } = renderEnv(
    [...Object.entries(values), ['__proto__', '3'] as const].map(([key, value]) => ({
      key,
      value: SecretValue.fromText(value),
    })),
    { kind: 'json' },
    WORDS,
  );
  const parsed = JSON.parse(lines.join('\n')) as Record<string, string>;
  assert.deepEqual(Object.entries(parsed), [...Object.entries(values), ['__proto__', '3']]);
});

test('what is hidden, or no text, is left out by name in each format', () => {
  for (const format of [EXPORT, BOTH, { kind: 'json' } as const]) {
    const rendered = renderEnv(
      [
        { key: 'HIDDEN', value: undefined },
        { key: 'BINARY', value: new SecretValue(new Uint8Array([0xff])) },
        { key: 'A', value: SecretValue.fromText('1') },
      ],
      format,
      WORDS,
    );
    assert.deepEqual(
      rendered.leftOut.map(({ key }) => key),
      ['HIDDEN', 'BINARY'],
    );
    assert.deepEqual(rendered.leftOut[0], {
      key: 'HIDDEN',
      reason: 'vault hides its value',
      hint: 'give the machine identity the right to read values (Look) of this path in vault, or of the one that it is imported from',
    });
    assert.match(rendered.leftOut[1]?.hint ?? '', /`psi vault write-file`/);
    assert.match(rendered.lines.join('\n'), /A/);
  }
});

test('what was refused is left out with its own reason and hint, which may be none', () => {
  const why = { code: 'PROVIDER_DENIED', message: 'it refers to what may not be read', hint: null } as const;
  const { lines, leftOut } = renderEnv([{ key: 'A', value: undefined, why }], EXPORT, WORDS);
  assert.deepEqual([lines, leftOut], [[], [{ key: 'A', reason: why.message, hint: null }]]);
});

test('JSON keeps the order of the secrets, whatever their names, and shows what is in them', () => {
  const value = SecretValue.fromText('1\n"\u202e');
  const keys = ['b', '10', '9', '__proto__', 'toString', ''];
  const { lines } = renderEnv(
    keys.map((key) => ({ key, value })),
    { kind: 'json' },
    WORDS,
  );
  assert.equal(lines[1], '  "b": "1\\n\\"\\u202e",');
  assert.deepEqual(
    lines.slice(1, -1).map((line) => /^ {2}"(.*?)": /.exec(line)?.[1]),
    keys,
  );
  const parsed = JSON.parse(lines.join('\n')) as Readonly<Record<string, string>>;
  assert.deepEqual(Object.entries(parsed).length, keys.length);
  assert.equal(Object.getOwnPropertyDescriptor(parsed, '__proto__')?.value, '1\n"\u202e');
  assert.deepEqual(renderEnv([], { kind: 'json' }, WORDS).lines, ['{}']);
});

test('whatever the value, each reader gets it back byte for byte or it is left out', () => {
  const piece = fc.constantFrom(
    ...'aé🔑"\'`\\$# \t\n\r;=!'.split(/(?:)/u),
    '\u0001',
    '\ufeff',
    '\u2028',
    '\ufffe',
    '${X}',
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 10 }), (texts) => {
      const values = Object.fromEntries(texts.map((value, at) => [`K${String(at)}`, value]));
      const file = (format: EnvFormat): string => `${render(values, format).lines.join('\n')}\n`;
      const kept = (format: EnvFormat): Readonly<Record<string, string>> => {
        const out = new Set(render(values, format).leftOut.map(({ key }) => key));
        return Object.fromEntries(Object.entries(values).filter(([key]) => !out.has(key)));
      };
      assert.deepEqual(readAsPodman(file(BOTH)), kept(BOTH));
      assert.deepEqual(readAsSystemd(file(BOTH)), kept(BOTH));
      assert.deepEqual(readAsPodman(file(forOne('podman'))), kept(forOne('podman')));
      assert.deepEqual(readAsSystemd(file(forOne('systemd'))), kept(forOne('systemd')));
    }),
    { seed: 20261124, numRuns: 3_000 },
  );
});
