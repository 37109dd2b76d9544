// The layers, proved twice: every import of src/ against the table, and the linter against the same table.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { before, test } from 'node:test';
import { ESLint, type Linter } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { layerBlocks, refuseImport, ROOMS, roomOf, VENDORS, type Import } from '../../scripts/layers.ts';

const ROOT = join(import.meta.dirname, '../..');
const SRC = join(ROOT, 'src');

let imports: readonly Import[];
let files: readonly string[];
before(async () => {
  const found: string[] = [];
  for await (const file of glob('**/*.ts', { cwd: SRC })) found.push(file);
  files = found.sort();
  imports = (
    await Promise.all(files.map(async (file) => importsOf(file, await readFile(join(SRC, file), 'utf8'))))
  ).flat();
});

test('every file is in a room of the table, or right in src', () => {
  assert.deepEqual(
    files.filter((file) => file.includes('/') && !roomOf(file)),
    [],
  );
});

test('every import is one that the table allows', () => {
  assert.deepEqual(
    imports.flatMap((one) => refuseImport(one)?.concat(` (in ${one.from})`) ?? []),
    [],
  );
});

test('every import inside src leads to a file by its full name', () => {
  const known = new Set(files);
  assert.deepEqual(
    imports.filter(({ to }) => to.endsWith('.ts') && !known.has(to)),
    [],
  );
});

test('no file imports itself by way of others', () => {
  assert.deepEqual(cycles(imports), []);
});

test('every vendor of the table is a dependency, and every dependency is in the table', async () => {
  const manifest: unknown = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  assert.ok(typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest && manifest.dependencies);
  assert.deepEqual(Object.keys(VENDORS).sort(), Object.keys(manifest.dependencies).sort());
});

test('sees the ways in which TypeScript can import', () => {
  const text = `
    import { a } from '../ports/a.ts';
    import type { b } from './b.ts';
    import './c.ts';
    export { d } from './d.ts';
    export type { e } from 'io-ts';
    type F = import('./f.ts').F;
    const g = () => import('./g.ts');
    import { type h } from './h.ts';
  `;
  assert.deepEqual(
    importsOf('core/x.ts', text).map(({ to, typeOnly }) => `${to}${typeOnly ? ' (type)' : ''}`),
    [
      'ports/a.ts',
      'core/b.ts (type)',
      'core/c.ts',
      'core/d.ts',
      'io-ts (type)',
      'core/f.ts (type)',
      'core/g.ts',
      'core/h.ts',
    ],
  );
});

test('finds a cycle when there is one', () => {
  const edge = (from: string, to: string): Import => ({ from, to, typeOnly: false });
  assert.deepEqual(cycles([edge('a.ts', 'b.ts'), edge('b.ts', 'c.ts'), edge('c.ts', 'b.ts')]), ['b.ts → c.ts → b.ts']);
  assert.deepEqual(cycles([edge('a.ts', 'b.ts'), edge('a.ts', 'c.ts'), edge('b.ts', 'c.ts')]), []);
});

const PLACES = ROOMS.flatMap(({ folder }) => {
  const rooms = folder === 'adapters/*' ? ['adapters/podman', 'adapters/around', 'adapters/fs'] : [folder];
  return rooms.flatMap((room) => [`${room}/sample.ts`, `${room}/below/sample.ts`]);
});
const TARGETS = [...PLACES, 'main.ts', 'config/issue.ts', 'adapters/fs/atomic-write.ts'];

test('the patterns for the linter say of each pair of rooms what the table says', () => {
  for (const from of PLACES) {
    for (const to of TARGETS.filter((target) => target !== from)) {
      for (const typeOnly of [false, true]) {
        const allowed = refuseImport({ from, to, typeOnly }) === undefined;
        assert.equal(lintAllows(from, to, typeOnly), allowed, `${from} → ${to}${typeOnly ? ' (type)' : ''}`);
      }
    }
  }
});

const VIOLATIONS: readonly (readonly [file: string, line: string, rule: RegExp])[] = [
  ['core/sample.ts', "import { x } from '../ports/clock.ts';", /no-restricted-imports/],
  ['core/sample.ts', "import { x } from 'node:fs';", /no-restricted-imports/],
  ['core/sample.ts', 'const x = Date.now();', /no-restricted-syntax/],
  ['core/sample.ts', 'const x = process.pid;', /no-restricted-globals/],
  ['ports/sample.ts', "import { x } from '../usecases/lookup.ts';", /no-restricted-imports/],
  ['usecases/sample.ts', "import { x } from '../adapters/podman/secrets.ts';", /no-restricted-imports/],
  ['usecases/sample.ts', "import x from 'express';", /no-restricted-imports/],
  ['usecases/sample.ts', 'const x = new Date();', /no-restricted-syntax/],
  ['observe/sample.ts', "import { x } from '../config/config.ts';", /no-restricted-imports/],
  ['config/sample.ts', "import { x } from '../adapters/fs/atomic-write.ts';", /no-restricted-imports/],
  ['http/sample.ts', "import { x } from '../adapters/podman/secrets.ts';", /no-restricted-imports/],
  ['http/sample.ts', "import { x } from '../config/load.ts';", /no-restricted-imports/],
  ['http/sample.ts', 'console.log(1);', /no-console/],
  ['cli/commands/sample.ts', "import got from 'got';", /no-restricted-imports/],
  ['adapters/podman/sample.ts', "import { x } from '../infisical/source.ts';", /no-restricted-imports/],
  ['adapters/podman/sample.ts', "import { x } from '../../usecases/setup.ts';", /no-restricted-imports/],
  ['adapters/podman/secrets.ts', "import Modem from 'docker-modem';", /no-restricted-imports/],
  ['adapters/infisical/auth/sample.ts', "import { x } from '../../podman/secrets.ts';", /no-restricted-imports/],
  ['main.ts', "import express from 'express';", /no-restricted-imports/],
  ['core/sample.ts', 'export default 1;', /no-restricted-syntax/],
  ['core/sample.ts', "export * from './error.ts';", /no-restricted-syntax/],
  ['core/sample.ts', 'const x = 1 as unknown as string;', /no-restricted-syntax/],
];

test('the linter of this project fails on a violation in each room', async () => {
  // The samples are no files of the project, so what needs types is left out.
  const lint = new ESLint({
    cwd: ROOT,
    overrideConfig: { files: ['src/**'], ...tseslint.configs.disableTypeChecked } as Linter.Config,
  });
  for (const [file, line, rule] of VIOLATIONS) {
    const [result] = await lint.lintText(`${line}\n`, { filePath: join(SRC, file) });
    const rules = result?.messages.map(({ ruleId, message }) => ruleId ?? message).join(' ') ?? '';
    assert.match(rules, rule, `${file}: ${line}`);
  }
  for (const [file, line] of [
    ['adapters/podman/modem.ts', "import Modem from 'docker-modem';"],
    ['adapters/podman/sample.ts', "import { x } from '../fs/atomic-write.ts';"],
    ['cli/sample.ts', "import type { x } from '../config/config.ts';"],
  ] as const) {
    const [result] = await lint.lintText(`${line}\n`, { filePath: join(SRC, file) });
    const rules = result?.messages.map(({ ruleId }) => ruleId).join(' ') ?? '';
    assert.doesNotMatch(rules, /restricted/, `${file}: ${line}`);
  }
});

function importsOf(file: string, text: string): readonly Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const to = specifier.text.startsWith('.') ? posix.join(posix.dirname(file), specifier.text) : specifier.text;
    found.push({ from: file, to, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext));
  return found;
}

function cycles(edges: readonly Import[]): readonly string[] {
  const next = Map.groupBy(edges, ({ from }) => from);
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start !== -1) found.push([...trail.slice(start), file].join(' → '));
    if (start !== -1 || done.has(file)) return;
    for (const { to } of next.get(file) ?? []) walk(to, [...trail, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}

function lintAllows(from: string, to: string, typeOnly: boolean): boolean {
  const relative = posix.relative(posix.dirname(from), to);
  const specifier = relative.startsWith('.') ? relative : `./${relative}`;
  const block = layerBlocks().find(({ files: [pattern = ''] }) => posix.matchesGlob(`src/${from}`, pattern));
  assert.ok(block, from);
  return block.patterns.every(
    ({ regex, allowTypeImports }) => (typeOnly && allowTypeImports === true) || !new RegExp(regex, 'u').test(specifier),
  );
}
