// A tenth of `npm run campaign`, with the same chance each time. What is done once has no tenth.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEMORY_MIB } from '../campaign/campaign.ts';
import { PARTS } from '../campaign/parts.ts';

const SEED = 12;
const SHARE = 0.1;

for (const { name, unit, whole, support, run } of PARTS) {
  const count = Math.round(whole * SHARE);
  if (count === 0) continue;
  const supported = (await support?.()) ?? { ok: true };
  test(`${name}: ${String(count)} ${unit}`, { skip: supported.ok ? false : supported.reason }, async () => {
    const tally = await run({ count, seed: SEED, progress: () => undefined });
    assert.deepEqual(tally.faults, []);
    assert.ok(tally.done >= count, `only ${String(tally.done)} were done`);
    assert.ok(tally.peakMiB > 0 && tally.peakMiB <= MEMORY_MIB, `it took ${String(tally.peakMiB)} MiB`);
  });
}
