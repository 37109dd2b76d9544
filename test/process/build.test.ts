// What the build alone has: its files are others than the sources.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../hosts/run.ts';
import { PSI_FROM_BUILD } from '../hosts/psi-tree.ts';

const SOURCES = join(import.meta.dirname, '../../src');

test('the stack of an error names the lines of the sources', async () => {
  const broken = 'data:text/javascript,process.getuid = () => { throw new Error("nobody knows") }';
  const [node = '', ...args] = PSI_FROM_BUILD;
  const { code, stderr } = await run([node, '--import', broken, ...args, 'status']);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^Error: nobody knows$/m);
  const [, line = ''] =
    /^ +at .*composeCommandLine \(.*\/src\/wiring\/command-line\.ts:(\d+):\d+\)$/m.exec(stderr) ?? [];
  const source = await readFile(join(SOURCES, 'wiring/command-line.ts'), 'utf8');
  assert.match(source.split('\n')[Number(line) - 1] ?? stderr, /getuid/);
});
