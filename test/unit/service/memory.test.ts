import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memory } from '../../../src/service/memory.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

function watched(): { readonly memory: Memory; readonly clock: FakeClock; readonly at: number[] } {
  const clock = new FakeClock();
  const at: number[] = [];
  return { memory: new Memory({ clock, collect: () => at.push(clock.monotonic() / 1_000) }), clock, at };
}

test('what a run took is given back within half a minute, and then nothing more is done', async () => {
  const { memory, clock, at } = watched();
  memory.ran();
  await clock.advance(600_000);
  assert.deepEqual([at, clock.sleeping], [[5, 15, 25], 0]);
});

test('a run that follows is waited for, and a stop ends the waiting', async () => {
  const { memory, clock, at } = watched();
  memory.ran();
  await clock.advance(4_000);
  memory.ran();
  await clock.advance(6_000);
  assert.deepEqual(at, [9]);
  memory.stop();
  await clock.advance(600_000);
  assert.deepEqual([at, clock.sleeping], [[9], 0]);
});
