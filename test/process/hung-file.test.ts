// A process with a thread that hangs in a file ends all the same, with its own status. The hang is the open of a FIFO that nobody writes.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const SOURCES = join(import.meta.dirname, '../../src');

const SCRIPT = `
import { open } from 'node:fs/promises';
import { fileCalls } from '${SOURCES}/adapters/files/file-calls.ts';
import { leave } from '${SOURCES}/cli/leave.ts';
const [fifo] = process.argv.slice(1);
await fileCalls.run(fifo, () => open(fifo, 'r'), 20).catch((error) => console.log(error.code));
await leave(7);
`;

test('a process with a thread that hangs in a file ends with its own status', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-hung-'));
  t.after(() => rm(dir, { recursive: true }));
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT, fifo], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(said.toString('utf8'), 'HANGS\n');
  const [status] = (await ended) as [number | null];
  assert.equal(status, 7);
});
