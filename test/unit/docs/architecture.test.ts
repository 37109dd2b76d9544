// docs/architecture.md and CONTRIBUTING.md name rooms and files: each is there.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOMS } from '../../../scripts/rooms.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

test('every file that the two pages name is there', async () => {
  for (const page of ['docs/architecture.md', 'CONTRIBUTING.md']) {
    // A word in capitals stands for any name.
    const named = [...(await read(page)).matchAll(/[`(]([a-z0-9./_-]+\/[a-z0-9./_-]+\.(?:ts|md|yaml))[`)]/g)].map(
      ([, path = '']) => path,
    );
    assert.ok(named.length > 5, page);
    assert.deepEqual(
      named.filter(
        (path) => !['', 'src', 'docs', 'src/adapters/infisical'].some((at) => existsSync(join(ROOT, at, path))),
      ),
      [],
      page,
    );
  }
});

test('the page has a line for each room, in the order of the table', async () => {
  const lines = [...(await read('docs/architecture.md')).matchAll(/^\| `([a-z]+)\/(?:SYSTEM\/)?` /gm)].map(
    ([, room = '']) => room,
  );
  assert.deepEqual(lines, [...new Set(ROOMS.map(({ folder }) => folder.split('/')[0]))]);
});
