// Whatever is written, the answer is a Config or a ConfigError with places inside the file; and nothing secret is ever in it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { hintFor, suggest } from '../../../src/config/findings/hints.ts';
import { ConfigError } from '../../../src/config/findings/issue.ts';
import { parseYaml } from '../../../src/config/findings/syntax.ts';
import { workloadName } from '../../../src/config/schema/name-fields.ts';
import { secretName } from '../../../src/core/naming.ts';
import { load, reportText } from './support.ts';

async function outcome(text: string): Promise<ConfigError | undefined> {
  try {
    await load(text);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    const lines = text.split('\n');
    for (const { line, column } of error.issues) {
      assert.ok(line >= 1 && line <= lines.length, `line ${String(line)}`);
      assert.ok(column >= 1 && column <= (lines[line - 1] ?? '').length + 1, `column ${String(column)}`);
    }
    assert.ok(error.issues.length > 0);
    reportText(error.issues);
    return error;
  }
}

const FRAGMENTS = fc.constantFrom(
  ...[
    'providers:',
    'infisical:',
    'workloads:',
    ' ',
    '  ',
    '\n',
    '\t',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ',',
    ': ',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
  ],
  ...[
    '<<',
    '|',
    '>',
    '? ',
    '!!str ',
    '---',
    '...',
    '%',
    '@',
    '__proto__',
    'auth',
    'method',
    'secrets',
    'project',
    'x',
    '0',
    '\u202e',
    '\r',
  ],
);

test('the parser counts lines and columns as whoever opens the file does', () => {
  fc.assert(
    fc.property(fc.array(FRAGMENTS, { maxLength: 40 }), (fragments) => {
      const text = fragments.join('');
      const parsed = parseYaml(text);
      const starts = parsed.ok ? [0, text.length] : parsed.problems.map(({ place }) => place.start);
      for (const start of starts) {
        const before = text.slice(0, start).split('\n');
        const expected = { line: before.length, col: (before.at(-1)?.length ?? 0) + 1 };
        assert.deepEqual(parsed.lines.linePos(start), expected, JSON.stringify(text));
      }
    }),
    { numRuns: 2_000, examples: [[['*a', '\n', '%', '\n', 'providers:']]] },
  );
});

test('answers any text with a Config or a ConfigError', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(FRAGMENTS, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      await outcome(given);
    }),
    { numRuns: 1500 },
  );
});

/** Trees with the keys of the schema, so that mistakes are found deep inside as well. */
const TREE = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('universal-auth', 'jwt', '/a', '5s'),
    ),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'providers',
          'infisical',
          'projects',
          'auth',
          'method',
          'client_secret',
          'jwt',
          'file',
          'tls',
          'certificates',
          'output',
        ],
        ...[
          'cache',
          'hsm',
          'pin',
          'workloads',
          'secrets',
          'project',
          'unit',
          'depends_on',
          'headers',
          'x y',
          '__proto__',
          'constructor',
        ],
      ),
      tie('node'),
      { maxKeys: 6 },
    ),
  ),
})).node;

test('answers any tree of known keys with a Config or a ConfigError', async () => {
  await fc.assert(
    fc.asyncProperty(TREE, async (tree) => {
      await outcome(stringify(tree));
    }),
    { numRuns: 500 },
  );
});

const SECRET = fc
  .string({ unit: fc.constantFrom('Q', 'W', 'Z', 'X', 'J', 'K', '7'), minLength: 12, maxLength: 30 })
  .map((text) => `q9${text}`);
const TEMPLATES: readonly ((secret: string) => unknown)[] = [
  (secret) => secret,
  (secret) => ({ file: secret }),
  (secret) => ({ flie: secret }),
  (secret) => ({ credential: `../${secret}` }),
  (secret) => ({ [secret]: 1 }),
  (secret) => [secret],
  (secret) => ({ file: { env: secret } }),
  (secret) => `line\n${secret}\n# ${secret}: "`,
];

test('never shows a value that stands in a secret field, whatever is wrong around it', async () => {
  const shape = fc.constantFrom(...TEMPLATES);
  const broken = fc.constantFrom('', '"', '\n\t- x', '\n}', '\n*nothing', '\n!tag x', '\n---\nx', '\n: :');
  await fc.assert(
    fc.asyncProperty(SECRET, shape, fc.boolean(), broken, async (secret, template, flow, suffix) => {
      const value = template(secret);
      const tree = {
        state_dir: 'relative',
        socket_token: value,
        providers: {
          infisical: {
            api_url: `https://user:${secret}@example.com`,
            auth: { method: secret, client_id: secret, client_secret: value },
            headers: { 'X-Gateway': [secret] },
            projects: {
              a: {
                id: 5,
                auth: { method: 'universal-auth', client_id: [secret], client_secret: value, other: secret },
              },
              b: { auth: { method: 'ldap', identity_id: { x: secret }, username: 1, password: value } },
              c: { id: 'x', auth: secret },
            },
          },
        },
        cache: { backend: 'hsm', hsm: { module: 'x', pin: value }, tpm: { auth: value } },
      };
      const text = stringify(tree, { ...(flow ? { collectionStyle: 'flow' } : {}), lineWidth: 0 }) + suffix;
      const error = await outcome(text);
      assert.ok(error);
      const shown = [error.message, error.hint, JSON.stringify(error), JSON.stringify(error.issues)].join('\n');
      assert.ok(!shown.includes(secret), shown);
      assert.ok(!reportText(error.issues).includes(secret));
    }),
    { numRuns: 300 },
  );
});

test('keeps workload and key apart in the name of a Podman secret', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '-', '_', '.', '@'), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      part.filter((name) => workloadName.is(name)),
      part,
      (workload, key) => {
        const whole = secretName(workload, key);
        const at = whole.indexOf('--');
        assert.deepEqual([whole.slice(0, at), whole.slice(at + 2)], [workload, key]);
      },
    ),
  );
});

test('suggests a word that is at most two steps away', () => {
  assert.equal(suggest('tmp', ['hsm', 'tpm']), 'tpm');
  assert.equal(suggest('secret', ['secrets', 'unit']), 'secrets');
  assert.equal(suggest('mnt', ['env', 'mount']), 'mount');
  assert.equal(suggest('mnt', ['env']), undefined);
  assert.equal(suggest('unrelated', ['secrets']), undefined);
  assert.match(hintFor('UNKNOWN_KEY', 'secrets'), /^did you mean secrets\? /);
});
