import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PsiError, type ErrorInit } from '../../../src/core/error.ts';
import { doublingPauses, onceMore, RetryBudget, withRetries, type RetryRule } from '../../../src/core/retry.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

/** Fails as often as it is told to, then answers the number of the try. */
function failing(...failures: readonly Error[]): (attempt: number) => Promise<number> {
  return (attempt) => {
    const failure = failures[attempt];
    return failure ? Promise.reject(failure) : Promise.resolve(attempt);
  };
}

const down = (init: ErrorInit = { retry: 'later' }): PsiError => new PsiError('PROVIDER_DOWN', 'not there', init);

/** Runs to the end without waiting: what came of it, and the pauses that were made. */
async function run(
  rule: RetryRule,
  call: (attempt: number) => Promise<number>,
): Promise<{ readonly outcome: number | string; readonly pauses: readonly number[] }> {
  const pauses: number[] = [];
  const clock = {
    monotonic: () => 0,
    sleep: (ms: number) => {
      pauses.push(ms);
      return Promise.resolve();
    },
  };
  const outcome = await withRetries(rule, { clock }, call).catch((error: unknown) => String(error));
  return { outcome, pauses };
}

test('a failure that may pass is tried again after each pause, and answered by the first try that succeeds', async () => {
  const { outcome, pauses } = await run({ pausesMs: [5, 10, 20] }, failing(down(), down({ retry: 'now' })));
  assert.deepEqual([outcome, pauses], [2, [5, 10]]);
});

test('there are as many further tries as pauses; then the last failure is the answer', async () => {
  const last = new PsiError('PROVIDER_DOWN', 'still not there', { retry: 'later' });
  const { outcome, pauses } = await run({ pausesMs: [5, 10] }, failing(down(), down(), last, down()));
  assert.deepEqual([outcome, pauses], ['PsiError: still not there', [5, 10]]);
});

test('a failure that somebody has to mend, or that is a bug, is not tried again', async () => {
  for (const failure of [down({}), new TypeError('a bug')]) {
    assert.deepEqual((await run({ pausesMs: [5] }, failing(failure))).pauses, []);
  }
  await assert.rejects(
    withRetries({ pausesMs: [5] }, { clock: new FakeClock() }, failing(new TypeError('a bug'))),
    (error) => error instanceof PsiError && error.code === 'INTERNAL',
  );
});

test('the caller may say itself what is worth another try', async () => {
  const rule = { pausesMs: [5], worthIt: (error: PsiError) => error.code === 'THROTTLED' };
  assert.deepEqual((await run(rule, failing(down()))).pauses, []);
  assert.deepEqual((await run(rule, failing(new PsiError('THROTTLED', 'slow down')))).pauses, [5]);
});

test('an asked wait makes the pause longer, not shorter; past the bound it ends the tries', async () => {
  const rule = { pausesMs: [5, 5], longestAskedMs: 100 };
  const asked = (ms: number): PsiError => down({ retry: 'later', retryAfterMs: ms });
  assert.deepEqual((await run(rule, failing(asked(100), asked(1)))).pauses, [100, 5]);
  assert.deepEqual((await run(rule, failing(asked(101)))).pauses, []);
  assert.deepEqual((await run({ ...rule, askedWins: true }, failing(asked(1), down()))).pauses, [1, 5]);
  assert.deepEqual((await run({ pausesMs: [5] }, failing(asked(101)))).pauses, [5]);
});

test('who listens hears of each pause before it begins, and a signal ends it', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const heard: unknown[] = [];
  const onRetry = (error: PsiError, pauseMs: number): void => void heard.push([error.message, pauseMs]);
  const result = withRetries({ pausesMs: [5_000] }, { clock, signal: stop.signal, onRetry }, failing(down()));
  await clock.untilSleeping();
  assert.deepEqual(heard, [['not there', 5_000]]);
  stop.abort(new Error('the caller went away'));
  await assert.rejects(result, { message: 'the caller went away' });
});

test('once more: two tries at once, no third', async () => {
  assert.equal(await onceMore(failing(down())), 1);
  await assert.rejects(onceMore(failing(down(), down())), { message: 'not there' });
  await assert.rejects(
    onceMore(failing(down()), () => false),
    { message: 'not there' },
  );
});

test('doubling pauses grow up to the longest and have no end', () => {
  const pauses = doublingPauses(15, 100);
  const first = Array.from({ length: 5 }, () => pauses.next().value);
  assert.deepEqual(first, [15, 30, 60, 100, 100]);
});

test('a budget bounds the pauses and the failed calls of all who share it, and the last pause is what is left', async () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(60);
  const rule: RetryRule = { pausesMs: [10, 20, 40], budget: () => budget };
  const calls: number[] = [];
  const call = async (): Promise<never> => {
    calls.push(clock.monotonic());
    await clock.sleep(5);
    throw down();
  };
  const first = withRetries(rule, { clock }, call).catch((error: unknown) => String(error));
  await clock.advance(100);
  assert.equal(await first, 'PsiError: not there');
  // 5 + 10, 5 + 20, and 20 of the 40 after the third; the fourth has no pause after it.
  assert.deepEqual(calls, [0, 15, 40, 60]);
  assert.equal(budget.leftMs, 0);
  const second = withRetries(rule, { clock }, call).catch((error: unknown) => String(error));
  await clock.advance(5);
  assert.equal(await second, 'PsiError: not there');
  assert.equal(calls.length, 5);
});

test('a wait that was asked for is not made shorter by a budget: it ends the tries', async () => {
  const budget = new RetryBudget(60);
  const rule: RetryRule = { pausesMs: [10, 10], longestAskedMs: 1_000, budget: () => budget };
  const asked = (retryAfterMs: number): PsiError =>
    new PsiError('THROTTLED', 'limit', { retry: 'later', retryAfterMs });
  assert.deepEqual((await run(rule, failing(asked(50), asked(11)))).pauses, [50]);
  assert.deepEqual((await run(rule, failing(asked(10)))).pauses, [10]);
});
