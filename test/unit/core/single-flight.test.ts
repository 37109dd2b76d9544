import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SingleFlight } from '../../../src/core/single-flight.ts';

/** Calls that end when the test says so. */
function pending(): { readonly calls: PromiseWithResolvers<string>[]; readonly call: () => Promise<string> } {
  const calls: PromiseWithResolvers<string>[] = [];
  const call = (): Promise<string> => {
    const one = Promise.withResolvers<string>();
    calls.push(one);
    return one.promise;
  };
  return { calls, call };
}

test('who asks for the same at the same time shares one call', async () => {
  const flights = new SingleFlight<string, string>();
  const { calls, call } = pending();
  const asked = [flights.run('a', call), flights.run('a', call), flights.run('b', call)];
  assert.equal(calls.length, 2);
  calls[0]?.resolve('of a');
  calls[1]?.resolve('of b');
  assert.deepEqual(await Promise.all(asked), ['of a', 'of a', 'of b']);
});

test('a failure is shared like an answer; after the end a new call is made, whoever asks first', async () => {
  const flights = new SingleFlight<string, string>();
  const { calls, call } = pending();
  const asked = [flights.run('a', call), flights.run('a', call)];
  calls[0]?.reject(new Error('no'));
  for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected');
  const again = flights.run('a', call);
  calls[1]?.resolve('yes');
  assert.deepEqual([calls.length, await again], [2, 'yes']);
});
