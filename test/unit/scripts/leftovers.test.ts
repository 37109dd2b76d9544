// What counts as left behind by a test run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MARK, changes, snapshot } from '../../../scripts/leftovers.ts';

test('names what is new and neither what was there nor what has gone', () => {
  const before = new Set(['mount /', 'file /run/old', 'file /run/gone']);
  const after = new Set(['mount /', 'file /run/old', 'file /run/new', 'cgroup /sys/fs/cgroup/psi-x']);
  assert.deepEqual(changes(before, after), ['cgroup /sys/fs/cgroup/psi-x', 'file /run/new']);
});

test('sees a process that a test started and a folder that it made, until they are gone', async () => {
  const before = await snapshot();
  const dir = await mkdtemp(join(tmpdir(), 'psi-leftover-'));
  const child = spawn('cat', ['-'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  // Other tests may run at the same time: only what belongs to this one is looked for.
  const mine = [`process ${String(child.pid)}: cat -`, `file ${dir}`];
  const during = changes(before, await snapshot());
  child.stdin.end();
  await once(child, 'close');
  await rm(dir, { recursive: true });
  const after = changes(before, await snapshot());
  assert.deepEqual(
    mine.filter((thing) => !during.includes(thing)),
    [],
  );
  assert.deepEqual(
    mine.filter((thing) => after.includes(thing)),
    [],
  );
  assert.ok(process.env[MARK]);
});
