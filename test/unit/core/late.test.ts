import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Late } from '../../../src/core/late.ts';

test('is made when somebody asks for it, once for all who ask', async () => {
  let made = 0;
  const late = new Late(() => Promise.resolve((made += 1)));
  assert.equal(made, 0);
  assert.deepEqual(await Promise.all([late.get(), late.get()]), [1, 1]);
  assert.equal(await late.get(), 1);
});

test('one that failed is tried again by whoever asks next', async () => {
  let tries = 0;
  const late = new Late(() => {
    tries += 1;
    return tries === 1 ? Promise.reject(new Error('no memory')) : Promise.resolve('made');
  });
  await assert.rejects(late.get(), /no memory/);
  assert.equal(await late.get(), 'made');
});
