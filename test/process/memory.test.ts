// What the service weighs once a large setup is over, as the image runs it: a host pays for that until the next boot.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { residentMb } from '../hosts/process-cost.ts';
import { PSI_FROM_BUILD } from '../hosts/psi-tree.ts';
import { stage } from './observed/stage.ts';

const COUNT = 2_000;
const BUDGET_MB = 100;
const WITHIN_S = 60;

test('a minute after a setup of 2,000 secrets the service weighs no more than its budget', async (t) => {
  const folder = Object.fromEntries(Array.from({ length: COUNT }, (_, at) => [`KEY_${String(at)}`, 'a value']));
  const it = await stage(t, { folders: { '/app': folder } });
  await it.restart(PSI_FROM_BUILD);
  assert.equal((await it.registered()).length, COUNT);
  const after = await residentMb(it.psi.pid);
  let now = after;
  for (let look = 0; look < WITHIN_S && now > BUDGET_MB; look += 1) {
    await pause(1_000);
    now = await residentMb(it.psi.pid);
  }
  t.diagnostic(`${after.toFixed(0)} MB at its end, then ${now.toFixed(0)} MB`);
  assert.ok(now <= BUDGET_MB, `${now.toFixed(0)} MB`);
});
