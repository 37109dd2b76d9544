import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../../src/core/deadline.ts';
import { PsiError } from '../../../src/core/error.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

const BOUND = { ms: 500, what: 'the lookup of TOKEN' };

/** Ends with what `end` makes of the abort. */
function untilAborted(end: (reason: unknown) => unknown) {
  return (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        const ended = end(signal.reason);
        reject(ended instanceof Error ? ended : new Error('no error'));
      });
    });
}

async function outcome(work: (signal: AbortSignal) => Promise<unknown>, afterMs: number): Promise<unknown> {
  const clock = new FakeClock();
  let ended: unknown = 'still waiting';
  withDeadline(clock, BOUND, work).then(
    (value) => (ended = value),
    (thrown: unknown) => (ended = thrown),
  );
  await clock.advance(afterMs);
  return ended;
}

test('whoever did the work says what was slow', async () => {
  const slow = new PsiError('DEADLINE', 'infisical at host did not answer in time');
  assert.equal(
    await outcome(
      untilAborted(() => slow),
      500,
    ),
    slow,
  );
});

test('work that knows of another failure says that', async () => {
  const refused = new PsiError('PROVIDER_DOWN', 'connection refused');
  assert.equal(
    await outcome(
      untilAborted(() => refused),
      500,
    ),
    refused,
  );
});

test('an error of some library says nothing: the bound speaks, and does not send people to a longer one', async () => {
  const ended = await outcome(
    untilAborted(() => new Error('aborted by undici')),
    500,
  );
  assert.ok(ended instanceof PsiError);
  assert.equal(ended.code, 'DEADLINE');
  assert.equal(ended.message, 'the lookup of TOKEN took longer than 500 ms');
  assert.doesNotMatch(ended.hint ?? '', /lookup\.timeout/);
});

test('work that does not look at its signal is bounded all the same', async () => {
  const deaf = (): Promise<never> => new Promise(() => undefined);
  assert.equal(await outcome(deaf, 499), 'still waiting');
  const ended = await outcome(deaf, 500);
  assert.ok(ended instanceof PsiError && ended.code === 'DEADLINE', String(ended));
});

test('what is done in time leaves no sleeper behind', async () => {
  const clock = new FakeClock();
  assert.equal(await withDeadline(clock, BOUND, () => Promise.resolve('value')), 'value');
  assert.equal(clock.sleeping, 0);
});

test('the end of the caller is the end of the work', async () => {
  const caller = new AbortController();
  const work = untilAborted((reason) => reason);
  const waiting = withDeadline(new FakeClock(), BOUND, work, caller.signal);
  const gone = new PsiError('INTERNAL', 'the run was ended');
  caller.abort(gone);
  await assert.rejects(waiting, gone);
});
