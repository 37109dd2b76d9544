// Whatever names the version of this tree names the same one.

import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const { version } = manifest;

test('the lock file, the image and the changelog have the version of the package', async () => {
  const lock = JSON.parse(await read('package-lock.json')) as {
    readonly version: string;
    readonly packages: Readonly<Record<string, { readonly version: string }>>;
  };
  assert.deepEqual([lock.version, lock.packages['']?.version], [version, version]);
  const label = /org\.opencontainers\.image\.version="([^"]*)"/.exec(await read('Containerfile'))?.[1];
  assert.equal(label, version);
  const heading = /^## (\d\S*) \(\d{4}-\d\d-\d\d\)$/m.exec(await read('CHANGELOG.md'))?.[1];
  assert.equal(heading, version, 'the first heading with a number; one for what comes next may stand before it');
});

test('this version is frozen', async () => {
  const [major = '', minor = ''] = version.split('.');
  await access(new URL(`../frozen/${major}.${minor}/interfaces.json`, import.meta.url));
});
