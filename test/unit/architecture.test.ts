// The rooms, proved by breaking them: dependency-cruiser over trees of sample files that stand in a folder of their own, and the linter
// over lines that are in no file. What src/ itself imports is judged by `npm run lint`.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { ROOMS, VENDORS, type Room } from '../../scripts/rooms.ts';

const ROOT = join(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/.bin/depcruise');

test('every file is in a room of the table, or is main.ts', () => {
  const files = globSync('**/*.ts', { cwd: join(ROOT, 'src') });
  assert.deepEqual(
    files.filter((file) => file !== 'main.ts' && !roomOf(file)),
    [],
  );
});

test('every room of the table has files', () => {
  const folders = ROOMS.map(({ folder }) => folder);
  assert.deepEqual(
    folders.filter((folder) => globSync(`${folder}/**/*.ts`, { cwd: join(ROOT, 'src') }).length === 0),
    [],
  );
});

test('the table leads downwards: no room is its own by way of others', () => {
  const order = ROOMS.map(({ folder }) => folder);
  // An adapter leans on the one that writes files, and the wiring sees all.
  const upwards = ROOMS.flatMap(({ folder, imports, types = [], files = [] }) =>
    [...imports, ...types, ...files.map((file) => roomOf(file)?.folder ?? file)]
      .filter((target) => target !== 'adapters' && !folder.startsWith('adapters/'))
      .filter((target) => order.indexOf(target) >= order.indexOf(folder))
      .map((target) => `${folder} → ${target}`),
  );
  assert.deepEqual(upwards, []);
});

test('every vendor of the table is a dependency, and every dependency is in the table', async () => {
  const manifest: unknown = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  assert.ok(typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest && manifest.dependencies);
  assert.deepEqual(Object.keys(VENDORS).sort(), Object.keys(manifest.dependencies).sort());
});

test('lint is both: the linter and dependency-cruiser', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { lint: string } };
  assert.equal(scripts.lint, 'eslint . && depcruise --config .dependency-cruiser.js src');
  assert.match(
    await readFile(join(ROOT, 'scripts/test.ts'), 'utf8'),
    /bin\('depcruise'\), '--config', '\.dependency-cruiser\.js', 'src'/,
  );
});

describe('dependency-cruiser', () => {
  test('passes what the table allows', async () => {
    const { status, found } = await cruise({
      'cli/sample.ts': "import type { x } from '../config/config.ts';\nexport { y } from '../cache/cache.ts';",
      'adapters/podman/modem.ts': "import Modem from 'docker-modem';",
      'adapters/podman/sample.ts': "import { x } from '../files/atomic-write.ts';\nimport fs from 'node:fs';",
      'adapters/json-file/sample.ts':
        "import { x } from '../../provider/secret-source.ts';\nimport { y } from './y.ts';",
      'config/sample.ts': "import * as t from 'io-ts';\nimport { pipe } from 'fp-ts/function';",
      'wiring/sample.ts': "import { x } from '../adapters/podman/secrets.ts';",
      'main.ts': "import { x } from './wiring/composition.ts';",
    });
    assert.deepEqual(found, []);
    assert.equal(status, 0);
  });

  test('fails on a forbidden import in each room', async () => {
    const violations: readonly (readonly [file: string, line: string, rule: string])[] = [
      ['core/a.ts', "import { x } from '../provider/breaker.ts';", 'core-imports'],
      ['core/b.ts', "import { x } from 'node:fs';", 'core-is-pure'],
      ['core/c.ts', "import type { x } from 'node:fs';", 'core-is-pure'],
      ['provider/a.ts', "import { x } from '../lookup/lookup.ts';", 'provider-imports'],
      ['sealing/a.ts', "import type { x } from '../registration/setup-events.ts';", 'sealing-imports'],
      ['cache/a.ts', "import type { x } from '../lookup/lookup.ts';", 'cache-imports'],
      ['lookup/a.ts', "import { x } from '../adapters/podman/secrets.ts';", 'lookup-imports'],
      ['lookup/b.ts', "import x from 'express';", 'place-of-express'],
      ['service/a.ts', "import { x } from '../faces/driver.ts';", 'service-imports'],
      ['config/a.ts', "import { x } from '../adapters/files/atomic-write.ts';", 'config-imports'],
      ['faces/a.ts', "import { x } from '../adapters/podman/secrets.ts';", 'faces-imports'],
      ['faces/b.ts', "import { x } from '../config/load.ts';", 'faces-types-only'],
      ['faces/c.ts', "export { x } from '../config/load.ts';", 'faces-types-only'],
      ['faces/f.ts', "import { type x, y } from '../config/load.ts';", 'faces-types-only'],
      ['faces/d.ts', "export const x = () => import('../wiring/cache.ts');", 'faces-imports'],
      ['faces/e.ts', "export type X = import('../wiring/cache.ts').X;", 'faces-imports'],
      ['cli/commands/a.ts', "import got from 'got';", 'place-of-got'],
      ['adapters/podman/a.ts', "import { x } from '../infisical/source.ts';", 'adapters/podman-imports'],
      ['adapters/podman/b.ts', "import { x } from '../../cache/cache.ts';", 'adapters/podman-imports'],
      ['adapters/podman/secrets.ts', "import Modem from 'docker-modem';", 'place-of-docker-modem'],
      ['adapters/infisical/auth/a.ts', "import { x } from '../../podman/values.ts';", 'adapters/infisical-imports'],
      ['adapters/json-file/a.ts', "import { x } from '../podman/values.ts';", 'adapters-imports'],
      ['main.ts', "import express from 'express';\nimport { x } from './cache/cache.ts';", 'place-of-express'],
      ['wiring/a.ts', "import x from 'lodash';", 'known-vendor'],
      ['elsewhere/a.ts', "import { x } from '../core/error.ts';", 'in-a-room'],
    ];
    const { status, found } = await cruise(Object.fromEntries(violations.map(([file, line]) => [file, line])));
    for (const [file, line, rule] of violations) {
      assert.ok(
        found.some((one) => one.rule === rule && one.from === file),
        `${rule}: ${file}: ${line}`,
      );
    }
    assert.ok(found.some(({ rule }) => rule === 'main-imports'));
    assert.equal(status, found.length);
  });

  test('fails on a cycle, and on one of types alone', async () => {
    const { status, found } = await cruise({
      'core/a.ts': "import { b } from './b.ts';",
      'core/b.ts': "import { c } from './c.ts';",
      'core/c.ts': "import { b } from './b.ts';",
      'cache/a.ts': "import type { b } from './b.ts';",
      'cache/b.ts': "import type { a } from './a.ts';",
      'cache/c.ts': "import type { a } from './a.ts';",
    });
    assert.deepEqual([...new Set(found.map(({ rule, from }) => `${rule} ${dirname(from)}`))].sort(), [
      'no-cycle cache',
      'no-cycle core',
    ]);
    assert.notEqual(status, 0);
  });

  test('fails on an import that leads nowhere', async () => {
    const { found } = await cruise({ 'core/a.ts': "import { b } from './gone.js';" });
    assert.ok(found.some(({ rule }) => rule === 'resolves'));
  });

  test('says of each pair of rooms what the table says', async () => {
    const folders = [...ROOMS.map(({ folder }) => folder.replace('*', 'json-file')), 'adapters/other'];
    const targets = [
      ...folders.map((folder) => `${folder}/target.ts`),
      ...['config/findings/issue.ts', 'faces/control/client.ts', 'adapters/files/atomic-write.ts', 'host/layout.ts'],
    ];
    const lines = (from: string, words: string): string =>
      targets.map((to) => `import ${words} from '${relative(from, to)}';`).join('\n');
    const samples = folders.flatMap((folder) =>
      ['', 'below/'].flatMap((below) => [
        { file: `${folder}/${below}values.ts`, words: '{ x }', typeOnly: false },
        { file: `${folder}/${below}types.ts`, words: 'type { x }', typeOnly: true },
      ]),
    );
    const { found } = await cruise(Object.fromEntries(samples.map(({ file, words }) => [file, lines(file, words)])));
    const expected = samples.flatMap(({ file, typeOnly }) =>
      targets.filter((to) => !allows(file, to, typeOnly)).map((to) => `${file} → ${to}`),
    );
    assert.deepEqual([...new Set(found.map(({ from, to }) => `${from} → ${to}`))].sort(), expected.sort());
  });
});

describe('the linter', () => {
  // The samples are no files of the project, so what needs types is left out.
  const lint = new ESLint({
    cwd: ROOT,
    overrideConfig: { files: ['src/**'], ...tseslint.configs.disableTypeChecked } as Linter.Config,
  });
  const rulesOf = async (file: string, line: string): Promise<string> => {
    const [result] = await lint.lintText(`${line}\n`, { filePath: join(ROOT, 'src', file) });
    return result?.messages.map(({ ruleId, message }) => ruleId ?? message).join(' ') ?? '';
  };

  test('fails on what a room must not touch, and on what no file may write', async () => {
    for (const [file, line, rule] of [
      ['core/sample.ts', 'const x = Date.now();', /no-restricted-syntax/],
      ['core/sample.ts', 'const x = process.pid;', /no-restricted-globals/],
      ['core/sample.ts', "const x = await import('./error.ts');", /no-restricted-syntax/],
      ['lookup/sample.ts', 'const x = new Date();', /no-restricted-syntax/],
      ['transfer/quadlet/sample.ts', 'setTimeout(() => undefined, 1);', /no-restricted-globals/],
      ['faces/sample.ts', 'console.log(1);', /no-console/],
      ['faces/sample.ts', "import { type x } from '../config/load.ts';", /no-import-type-side-effects/],
      ['core/sample.ts', 'export default 1;', /no-restricted-syntax/],
      ['core/sample.ts', "export * from './error.ts';", /no-restricted-syntax/],
      ['core/sample.ts', 'const x = 1 as unknown as string;', /no-restricted-syntax/],
      ['wiring/sample.ts', 'export default 1;', /no-restricted-syntax/],
    ] as const) {
      assert.match(await rulesOf(file, line), rule, `${file}: ${line}`);
    }
  });

  test('fails on a decision in the wiring', async () => {
    for (const line of [
      "throw new Error('no');",
      "import { PsiError } from '../core/error.ts';",
      "import { type PsiError as Failure } from '../core/error.ts';",
      'for (const x of all) start(x);',
      'for (const x in all) start(x);',
      'for (let i = x; i; i = next(i)) start(i);',
      'while (x) start(x);',
      'do start(x); while (x);',
      'if (skipped.length > 0) start();',
      'if (await holds(token)) start();',
      'if (!holds(token)) start();',
      'if (a && isOld(b)) start();',
      'if (a && isOld(b) && c) start();',
      'const x = a === b ? 1 : 2;',
      "const x = name.includes('/') ? 1 : 2;",
      'const x = isOld(a) && b;',
      'const x = (await read()) ?? fallback;',
      'const x = all.filter((one) => one.age < 3);',
      'if (keys instanceof HsmKeyWrapper) start();',
      'switch (flags.mode) { default: start(); }',
    ]) {
      assert.match(await rulesOf('wiring/sample.ts', line), /no-restricted-syntax/, line);
    }
  });

  test('lets the wiring ask for a kind and for whether something is configured', async () => {
    for (const line of [
      'if (config.cache) start();',
      'if (!config.cache) start();',
      'if (config.cache?.path === undefined) start();',
      'if (a && b !== undefined) start();',
      "const x = provider.kind === 'infisical' ? one() : other();",
      "const x = keys?.backend === 'hsm' && keys;",
      "switch (config.kind) { case 'infisical': start(); }",
      'switch (backend) { default: start(); }',
      'const x = config.path ?? DEFAULT;',
      'const x = config.all.map((one) => start(one));',
    ]) {
      assert.doesNotMatch(await rulesOf('wiring/sample.ts', line), /restricted/, line);
    }
  });
});

type Found = { readonly rule: string; readonly from: string; readonly to: string };

/**
 * What `npm run lint` says of a tree of these files below src/. The files that they import, and the packages, are put there too, empty.
 */
async function cruise(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly found: readonly Found[] }> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-rooms-'));
  try {
    const vendors = [...Object.keys(VENDORS), 'lodash', 'fp-ts/function'].map((name) => `${name}/index.js`);
    const put = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    };
    for (const vendor of vendors) await put(`node_modules/${vendor}`, '');
    await put('package.json', JSON.stringify({ type: 'module', dependencies: { lodash: '1' } }));
    const named = Object.entries(files).flatMap(([file, text]) =>
      [...text.matchAll(/'(\.[^']*\.ts)'/g)].map(([, to = '']) => posix.join(dirname(file), to)),
    );
    const tree = { ...Object.fromEntries(named.map((file) => [file, ''])), ...files };
    for (const [file, text] of Object.entries(tree)) await put(`src/${file}`, text);
    const { status, stdout } = spawnSync(
      process.execPath,
      [CRUISER, '--config', join(ROOT, '.dependency-cruiser.js'), 'src'],
      { cwd: dir, encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '0' }, maxBuffer: 1 << 26 },
    );
    const found = [...stdout.matchAll(/error (\S+): (\S+)(?: →\s+(\S+))?/g)];
    return {
      status,
      found: found.map(([, rule = '', from = '', to = '']) => ({
        rule,
        from: from.replace(/^src\//, ''),
        to: to.replace(/^src\//, ''),
      })),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function relative(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** The room of a file below src/; undefined for main.ts and for a folder that is no room. */
function roomOf(file: string): Room | undefined {
  return ROOMS.find(({ folder }) => posix.matchesGlob(file, `${folder}/**`));
}

function allows(from: string, to: string, typeOnly: boolean): boolean {
  const room = roomOf(from);
  assert.ok(room, from);
  const [, own = room.folder] = /^(adapters\/[^/]+)\//.exec(from) ?? [];
  const inside = (folders: readonly string[]): boolean => folders.some((folder) => to.startsWith(`${folder}/`));
  return inside([own, ...room.imports, ...(typeOnly ? (room.types ?? []) : [])]) || room.files?.includes(to) === true;
}
