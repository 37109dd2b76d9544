// What an image depends on, read from its Containerfile: decides whether a kept image is still the right one.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildInputs, ignoredPaths } from '../../hosts/containerfile.ts';

const TEXT = `
# COPY not-this .
FROM registry.example/base:1 AS deps
COPY package.json \\
     package-lock.json ./
FROM deps AS test
COPY . .
FROM deps AS build
COPY --chown=0:0 src src
FROM registry.example/other:2
COPY --from=build /out /
`;

test('follows the stages that the last one copies from', () => {
  assert.deepEqual(buildInputs(TEXT), {
    bases: ['registry.example/base:1', 'registry.example/other:2'],
    sources: ['package-lock.json', 'package.json', 'src'],
  });
});

test('takes only the stages that a chosen target needs', () => {
  assert.deepEqual(buildInputs(TEXT, 'test'), {
    bases: ['registry.example/base:1'],
    sources: ['.', 'package-lock.json', 'package.json'],
  });
  assert.throws(() => buildInputs(TEXT, 'nowhere'), /no stage nowhere/);
});

test("finds that PSI's image depends on its sources and not on its tests", async () => {
  const text = await readFile(join(import.meta.dirname, '../../../Containerfile'), 'utf8');
  const { bases, sources } = buildInputs(text);
  assert.equal(bases.length, 1);
  assert.ok(sources.includes('src') && sources.includes('package-lock.json'));
  assert.ok(!sources.includes('.') && !sources.includes('test'));
  assert.ok(buildInputs(text, 'test').sources.includes('.'));
});

test('leaves out what .dockerignore names, by its name or by a star', () => {
  const skip = ignoredPaths('.git\n# src\npackages/*/build\n');
  assert.deepEqual(
    ['.git', 'packages/a/build', 'agit', 'src', 'packages/a/b/build', 'packages/a/builder'].map((path) =>
      skip.test(path),
    ),
    [true, true, false, false, false, false],
  );
});
