import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Mutex } from '../../../src/core/mutex.ts';

test('work runs one after another, in the order of the calls', async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const work = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await nextTurn();
    seen.push(`${name} ends`);
    return name;
  };
  assert.deepEqual(await Promise.all([mutex.run(work('a')), mutex.run(work('b'))]), ['a', 'b']);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test("work that fails is its own caller's trouble, and the next one runs", async () => {
  const mutex = new Mutex();
  const failed = mutex.run(() => Promise.reject(new Error('no')));
  const next = mutex.run(() => Promise.resolve('yes'));
  await assert.rejects(failed, { message: 'no' });
  assert.equal(await next, 'yes');
});

test('it is busy from the first call until the last turn has ended', async () => {
  const mutex = new Mutex();
  assert.equal(mutex.busy, false);
  const first = await mutex.acquire();
  const second = mutex.acquire();
  first();
  assert.equal(mutex.busy, true);
  (await second)();
  assert.equal(mutex.busy, false);
});

test('a turn that is released twice lets one waiter in, not two', async () => {
  const mutex = new Mutex();
  const first = await mutex.acquire();
  const second = mutex.acquire();
  let third = false;
  void mutex.acquire().then(() => {
    third = true;
  });
  first();
  first();
  await second;
  await nextTurn();
  assert.deepEqual([third, mutex.busy], [false, true]);
});
