// What each reader of env files makes of a line, held to what the real ones were seen to do; and PSI's own output, read back by PSI.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { dotenvReading } from '../../../../src/adapters/env-file/dotenv.ts';
import { parseEnvFile } from '../../../../src/adapters/env-file/parse.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { renderEnv, type EnvReader } from '../../../../src/transfer/env-format.ts';
import { podmanReading } from '../../../../src/transfer/env-file/podman.ts';
import { ENV_FILE_READERS, type EnvFileReader, type Reading } from '../../../../src/transfer/env-file/reading.ts';
import { systemdReading } from '../../../../src/transfer/env-file/systemd.ts';
import { WORDS } from '../../../fakes/provider.fake.ts';
import { DISPUTED_LINES } from '../../../hosts/disputed-lines.ts';
import { generatedSecrets } from '../../../hosts/generated-secrets.ts';

type Values = Readonly<Record<string, string | undefined>>;

function valuesOf({ variables, broken }: Reading): Values | null {
  return broken.length > 0 ? null : Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

function taken(text: string, reader?: EnvFileReader): Values {
  const { entries } = parseEnvFile(text, 'x.env', reader);
  return Object.fromEntries(entries.map(({ key, value }) => [key, value.exposeExactText()]));
}

describe('disputed lines', () => {
  for (const line of DISPUTED_LINES) {
    const { what, text, psi } = line;
    test(`${what}: each reader as it was seen`, () => {
      assert.deepEqual(valuesOf(podmanReading(text)), line.podman);
      assert.deepEqual(valuesOf(systemdReading(text)), line.systemd);
      assert.deepEqual(valuesOf(dotenvReading(text)), line.dotenv);
    });
    test(`${what}: psi takes what all agree on`, () => {
      assert.deepEqual(taken(text), psi.taken);
      const { refused } = parseEnvFile(text, 'x.env');
      assert.deepEqual(
        refused.map(({ from }) => Number(from.slice('x.env:'.length))),
        psi.refused,
      );
    });
    for (const reader of ENV_FILE_READERS) {
      test(`${what}: --reader ${reader} takes what ${reader} takes`, () => {
        const values = line[reader];
        if (values === null) assert.throws(() => taken(text, reader), /nothing is imported/);
        else if (!what.startsWith('a key without quotes') && !what.startsWith('wrapped base64')) {
          const named = Object.entries(values).filter(([name]) => /^[\w.-]+$/.test(name));
          assert.deepEqual(taken(text, reader), Object.fromEntries(named));
        }
      });
    }
  }

  test('at least sixty of them are read in more than one way', () => {
    const same = ({ podman, systemd, dotenv }: (typeof DISPUTED_LINES)[number]): boolean =>
      [systemd, dotenv].every((values) => JSON.stringify(values) === JSON.stringify(podman));
    assert.ok(DISPUTED_LINES.filter((line) => !same(line)).length >= 60);
  });
});

describe('a reader that somebody names', () => {
  test('passes over lines, which psi says', () => {
    const { refused } = parseEnvFile('A=1\nfoo\n1B=2', 'x.env', 'systemd');
    assert.deepEqual(
      refused.map(({ from, key }) => [from, key]),
      [
        ['x.env:2', undefined],
        ['x.env:3', '1B'],
      ],
    );
  });

  test('takes no line of a key or of wrapped base64 for a name', () => {
    const pem = 'A=-----BEGIN X-----\nc2VjcmV0==\n-----END X-----\nB=1\nfoo\nc2VjcmV0==\n';
    for (const reader of ENV_FILE_READERS) {
      assert.deepEqual(taken(pem, reader), { B: '1' });
      assert.ok(!JSON.stringify(parseEnvFile(pem, 'x.env', reader).refused).includes('c2Vjc'));
    }
  });

  test('that takes nothing of a file is named with the line', () => {
    assert.throws(() => parseEnvFile('A=1\n=2', 'x.env', 'podman'), /^PsiError: x\.env:2: .*nothing is imported$/);
    assert.deepEqual(taken('A=a\0b\nB=1', 'podman'), { B: '1' });
    assert.throws(() => parseEnvFile('A=1\nB=\ufffe', 'x.env', 'systemd'), /x\.env:2: systemd/);
  });
});

describe('a name that stands twice', () => {
  test('has the value of the last line, with a note', () => {
    const { entries, refused } = parseEnvFile('A=1\nB=x\nA=2', 'x.env');
    assert.deepEqual(refused, []);
    assert.deepEqual(
      entries.map(({ key, from, value, note }) => [key, from, value.exposeText(), note]),
      [
        ['B', 'x.env:2', 'x', undefined],
        ['A', 'x.env:3', '2', 'line 1 gives it too; the last one counts for all readers'],
      ],
    );
  });

  test('is refused where the last line is, and not where an earlier one would be', () => {
    assert.deepEqual(taken('A=1\nA=$x'), {});
    assert.match(parseEnvFile('A=1\nA=$x', 'x.env').refused[0]?.reason ?? '', /line 1 gives it too and does not count/);
    assert.deepEqual(taken('A=$x\nA=1'), { A: '1' });
    assert.deepEqual(parseEnvFile('A=$x\nA=1', 'x.env').refused, []);
  });
});

describe('what psi writes as an env file', () => {
  const secrets = generatedSecrets();
  const named = secrets.map(({ key, value }) => ({ key, value: SecretValue.fromText(value) }));
  const CASES: readonly (readonly [readers: readonly [EnvReader, ...EnvReader[]], reader: EnvReader])[] = [
    [['podman', 'systemd'], 'podman'],
    [['podman', 'systemd'], 'systemd'],
    [['podman'], 'podman'],
    [['systemd'], 'systemd'],
  ];
  for (const [readers, reader] of CASES) {
    test(`for ${readers.join(' and ')} comes back the same with --reader ${reader}`, () => {
      const { lines, leftOut } = renderEnv(named, { kind: 'env', readers }, WORDS);
      const out = new Set(leftOut.map(({ key }) => key));
      const values = taken(`${lines.join('\n')}\n`, reader);
      for (const { key, value } of secrets) {
        const isName = /^[\w.-]+$/.test(key);
        assert.equal(values[key], out.has(key) || !isName ? undefined : value, key);
      }
    });
    test(`for ${readers.join(' and ')} is never taken with another value without a reader`, () => {
      const { lines } = renderEnv(named, { kind: 'env', readers }, WORDS);
      const values = new Map(secrets.map(({ key, value }) => [key, value]));
      for (const [key, value] of Object.entries(taken(`${lines.join('\n')}\n`))) {
        const written = values.get(key) ?? '';
        // Podman alone keeps quotes around a whole value.
        const inside = readers.includes('systemd') ? written : written.replace(/^(["'])(.*)\1$/s, '$2');
        assert.equal(value, inside, key);
      }
    });
  }
});

test('dotenv is read as the package reads it, whatever stands in the file', () => {
  const piece = fc.constantFrom(
    ...[
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
      '\r\n',
      'export ',
      'é',
      ': ',
      '\u2028',
      '\t',
      '\ufeff',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('');
      const reading = dotenvReading(text);
      assert.deepEqual(valuesOf(reading), { ...parse(text) });
      for (const { first, last } of reading.variables) assert.ok(first >= 1 && last >= first);
    }),
    { seed: 20261127, numRuns: 20_000 },
  );
});
