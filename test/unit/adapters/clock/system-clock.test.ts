import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../src/adapters/clock/system-clock.ts';
import { clockContract } from '../../../contract/clock.contract.ts';
import { FakeClock } from '../../../fakes/clock.fake.ts';

clockContract('fake clock', () => {
  const clock = new FakeClock();
  return { clock, advance: (ms) => clock.advance(ms) };
});
clockContract('system clock', () => ({ clock: systemClock, advance: (ms) => systemClock.sleep(ms + 1) }));

test('fake clock: wakes sleepers in order of their due time, and of their start when that is equal', async () => {
  const clock = new FakeClock();
  const order: string[] = [];
  const sleep = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    order.push(`${name} at ${String(clock.monotonic())}`);
  };
  const all = Promise.all([sleep('c', 30), sleep('a', 10), sleep('b', 10)]);
  await clock.advance(29);
  assert.deepEqual(order, ['a at 10', 'b at 10']);
  assert.equal(clock.sleeping, 1);
  await clock.advance(1);
  assert.deepEqual(order, ['a at 10', 'b at 10', 'c at 30']);
  await all;
});

test('fake clock: wakes sleeps that begin while it advances', async () => {
  const clock = new FakeClock();
  const times: number[] = [];
  const loop = (async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      await clock.sleep(10);
      times.push(clock.monotonic());
    }
  })();
  await clock.advance(100);
  await loop;
  assert.deepEqual(times, [10, 20, 30]);
  assert.equal(clock.monotonic(), 100);
});

test('fake clock: tells when somebody sleeps', async () => {
  const clock = new FakeClock();
  const seen = clock.untilSleeping(2);
  const sleeps = [clock.sleep(1), clock.sleep(1)];
  await seen;
  assert.equal(clock.sleeping, 2);
  await clock.advance(1);
  await Promise.all(sleeps);
  assert.equal(clock.sleeping, 0);
});

test('fake clock: moves wall time with monotonic time', async () => {
  const clock = new FakeClock(1_000);
  await clock.advance(250);
  assert.equal(clock.now(), 1_250);
});
