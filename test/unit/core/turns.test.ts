import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../../src/core/turns.ts';

test('so many at once, the others in their order', async () => {
  const turns = new Turns(2);
  const began: number[] = [];
  const take = (number: number) =>
    turns.take().then((end) => {
      began.push(number);
      return end;
    });
  const [first, second] = await Promise.all([take(1), take(2)]);
  const third = take(3);
  const fourth = take(4);
  await Promise.resolve();
  assert.deepEqual(began, [1, 2]);
  second();
  const endThird = await third;
  assert.deepEqual(began, [1, 2, 3]);
  first();
  endThird();
  (await fourth)();
  const again = await Promise.all([take(5), take(6)]);
  assert.deepEqual(began, [1, 2, 3, 4, 5, 6]);
  for (const end of again) end();
});

test('who gives up waiting takes no turn', async () => {
  const turns = new Turns(1);
  const end = await turns.take();
  const given = new AbortController();
  const waiting = turns.take(given.signal);
  const other = turns.take();
  given.abort(new Error('no longer'));
  await assert.rejects(waiting, /no longer/);
  await assert.rejects(turns.take(given.signal), /no longer/);
  end();
  (await other)();
  (await turns.take())();
});
