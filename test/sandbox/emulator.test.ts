// An emulator for one namespace alone: the machine's own table of them stays as it is.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { apart, ownTableSupport, TABLE, takeUpBy } from '../hosts/emulator.ts';

const root = process.getuid?.() === 0;
const support = root ? await ownTableSupport() : ({ ok: false, reason: 'this needs root' } as const);

test('is in the table of its namespace, and in no other', { skip: support.ok ? false : support.reason }, async () => {
  const before = await readdir(TABLE);
  const keeper = await apart(takeUpBy('arm64', '/bin/cat'));
  try {
    const { stdout } = await keeper.run(['cat', join(TABLE, 'psi-arm64')]);
    assert.match(stdout, /^enabled\ninterpreter \/bin\/cat\nflags: F\n/);
    assert.deepEqual(await readdir(TABLE), before);
    const { stdout: map } = await keeper.run(['cat', '/proc/self/uid_map']);
    assert.deepEqual(map.trim().split(/\s+/), ['0', '0', '1', '1', '1', '4294967294']);
    assert.notEqual(map, await readFile('/proc/self/uid_map', 'utf8'));
  } finally {
    await keeper.stop();
  }
  assert.deepEqual(await readdir(TABLE), before);
});
