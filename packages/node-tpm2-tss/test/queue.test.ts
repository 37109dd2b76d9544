// The queue in front of the TPM, on calls that the test ends by hand.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CallQueue } from '../lib/queue.js';
import { rejectsAs } from './expect.ts';

type Failure = { readonly step: string; readonly code: number; readonly text: string };

class Calls {
  readonly started: string[] = [];
  readonly abandoned: string[] = [];
  readonly discarded: string[] = [];
  readonly queue = new CallQueue();
  readonly #ends = new Map<string, (failure: Failure | null) => void>();

  run(name: string, deadlineMs = 100): Promise<string> {
    return this.queue.run<string>(
      (callback) => {
        this.started.push(name);
        this.#ends.set(name, (failure) => {
          callback(failure, name);
        });
        return { abandon: () => this.abandoned.push(name) };
      },
      { deadlineMs, discard: (value) => this.discarded.push(value) },
    );
  }

  end(name: string, failure: Failure | null = null): void {
    this.#ends.get(name)?.(failure);
  }
}

function setUp(t: TestContext): Calls {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return new Calls();
}

test('starts one call at a time, in order', async (t) => {
  const calls = setUp(t);
  const both = Promise.all([calls.run('one'), calls.run('two')]);
  assert.deepEqual(calls.started, ['one']);
  calls.end('one');
  assert.deepEqual(calls.started, ['one', 'two']);
  calls.end('two');
  assert.deepEqual(await both, ['one', 'two']);
});

test('goes on after a failure', async (t) => {
  const calls = setUp(t);
  const [one, two] = [calls.run('one'), calls.run('two')];
  calls.end('one', { step: 'Load', code: 0x1df, text: 'integrity' });
  await rejectsAs('damaged', one);
  calls.end('two');
  assert.equal(await two, 'two');
});

test('goes on after a call that cannot be started', async (t) => {
  const calls = setUp(t);
  const bad = calls.queue.run(
    () => {
      throw new TypeError('bad request');
    },
    { deadlineMs: 100, discard: () => undefined },
  );
  await assert.rejects(bad, TypeError);
  const good = calls.run('good');
  calls.end('good');
  assert.equal(await good, 'good');
});

test('lets the caller go at the deadline and starts nothing before the call has come back', async (t) => {
  const calls = setUp(t);
  const one = calls.run('one');
  t.mock.timers.tick(100);
  await rejectsAs('timeout', one);
  assert.equal(calls.queue.hangs, true);
  assert.deepEqual(calls.abandoned, ['one']);
  const two = calls.run('two');
  assert.deepEqual(calls.started, ['one']);
  calls.end('one');
  assert.equal(calls.queue.hangs, false);
  assert.deepEqual(calls.started, ['one', 'two']);
  calls.end('two');
  assert.equal(await two, 'two');
});

test('hands a value that comes too late to be wiped', async (t) => {
  const calls = setUp(t);
  const one = calls.run('one');
  t.mock.timers.tick(100);
  await rejectsAs('timeout', one);
  calls.end('one');
  assert.deepEqual(calls.discarded, ['one']);
});

test('counts the time in the queue, and never starts a call whose deadline has passed', async (t) => {
  const calls = setUp(t);
  const one = calls.run('one', 1000);
  const two = calls.run('two', 100);
  t.mock.timers.tick(100);
  assert.match((await rejectsAs('timeout', two)).message, /earlier call/);
  calls.end('one');
  assert.equal(await one, 'one');
  assert.deepEqual(calls.started, ['one']);
});
