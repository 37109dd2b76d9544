// What every Clock keeps. `advance` lets `ms` pass: at once for a fake, really for the machine's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/core/clock.ts';

export type ClockUnderTest = { readonly clock: Clock; readonly advance: (ms: number) => Promise<void> };

export function clockContract(name: string, make: () => ClockUnderTest): void {
  test(`${name}: monotonic time never goes back and counts a sleep`, async () => {
    const { clock, advance } = make();
    const before = clock.monotonic();
    await advance(5);
    assert.ok(clock.monotonic() > before);
  });

  test(`${name}: wall time is milliseconds since 1970`, () => {
    assert.ok(make().clock.now() > Date.UTC(2020, 0, 1));
  });

  test(`${name}: a shorter sleep ends before a longer one`, async () => {
    const { clock, advance } = make();
    const order: string[] = [];
    const sleeps = Promise.all([
      clock.sleep(20).then(() => order.push('long')),
      clock.sleep(1).then(() => order.push('short')),
    ]);
    await advance(20);
    await sleeps;
    assert.deepEqual(order, ['short', 'long']);
  });

  test(`${name}: a sleep of nothing ends`, async () => {
    const { clock, advance } = make();
    const sleep = clock.sleep(0);
    await advance(0);
    await sleep;
  });

  test(`${name}: a sleep rejects with the signal's reason when it aborts`, async () => {
    const { clock } = make();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sleep = clock.sleep(1_000_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleep, (thrown) => thrown === reason);
  });

  test(`${name}: a sleep does not begin when the signal has aborted before`, async () => {
    const reason = new Error('too late');
    await assert.rejects(make().clock.sleep(1_000_000, AbortSignal.abort(reason)), (thrown) => thrown === reason);
  });

  test(`${name}: a sleep of longer than Node's timers can count does not end at once`, async () => {
    const { clock, advance } = make();
    const controller = new AbortController();
    const sleep = clock.sleep(2 ** 31, controller.signal).then(
      () => 'woke',
      () => 'aborted',
    );
    await advance(20);
    controller.abort(new Error('end of the test'));
    assert.equal(await sleep, 'aborted');
  });
}
