// What one bad name, file or moment must not do to the rest: PSI as a process between doubles, by commands, sockets and files alone.

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { ask } from '../hosts/psi-process.ts';
import { said, stage } from './observed/stage.ts';

/** Far more than any of this takes, far less than the 22 s that a pattern took. */
const SOON_MS = 10_000;

test('a long name at the provider does not keep the patterns of `include` busy', async (t) => {
  const it = await stage(t, {
    folders: { '/app': { ['_'.repeat(1000)]: 'x', A_B_C_D_KEY: 'value' } },
    secrets: [{ project: 'main', path: '/app', include: ['*_*_*_*_KEY'] }],
  });
  const setup = it.setup();
  const over = new AbortController();
  const late = setTimeout(SOON_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const done = await Promise.race([setup, late]);
  over.abort();
  assert.ok(done, 'the setup is not through with two names');
  assert.equal(done.code, 0, said(done));
  assert.deepEqual(await it.targets(), ['A_B_C_D_KEY']);
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
});
