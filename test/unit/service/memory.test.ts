import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memory } from '../../../src/service/memory.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

type Watched = {
  readonly memory: Memory;
  readonly clock: FakeClock;
  readonly at: readonly number[];
  readonly bounded: readonly number[];
};

function watched(): Watched {
  const clock = new FakeClock();
  const at: number[] = [];
  const bounded: number[] = [];
  const seconds = (): number => clock.monotonic() / 1_000;
  const memory = new Memory({ clock, collect: () => at.push(seconds()), bound: () => bounded.push(seconds()) });
  return { memory, clock, at, bounded };
}

test('garbage is bounded once the start is over, and not by a service that was stopped before', async () => {
  const { memory, clock, bounded } = watched();
  memory.started();
  await clock.advance(600_000);
  assert.deepEqual([bounded, clock.sleeping], [[1], 0]);
  const short = watched();
  short.memory.started();
  short.memory.stop();
  await short.clock.advance(600_000);
  assert.deepEqual([short.bounded, short.clock.sleeping], [[], 0]);
});

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

test('a run that a stop has ended is waited for no more', async () => {
  const { memory, clock, at } = watched();
  memory.stop();
  memory.ran();
  assert.equal(clock.sleeping, 0);
  await clock.advance(600_000);
  assert.deepEqual(at, []);
});
