import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withBreaker } from '../../../src/provider/with-breaker.ts';
import { withThrottle } from '../../../src/provider/with-throttle.ts';
import { PsiError } from '../../../src/core/error.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeSecretSource } from '../../fakes/secret-source.fake.ts';

const REF = { project: 'p', path: '/a', key: 'K' };
const down = (): PsiError => new PsiError('PROVIDER_DOWN', 'connection refused', { retry: 'later' });
const late = (): PsiError => new PsiError('DEADLINE', 'took too long', { retry: 'later' });

function stage(around: typeof withBreaker) {
  const source = new FakeSecretSource();
  source.set('p', '/a', 'K', 'value');
  const clock = new FakeClock();
  const guarded = around(source, { name: 'infisical', clock });
  const get = async (): Promise<string> => (await guarded.get(REF, new AbortController().signal)).value.exposeText();
  return { source, clock, get };
}

test('a provider that timed out is not asked again until it has rested', async () => {
  const { source, clock, get } = stage(withBreaker);
  source.failNext(late());
  await assert.rejects(get(), { code: 'DEADLINE' });
  await assert.rejects(get(), { code: 'PROVIDER_DOWN', message: /has not answered for 0 s \(took too long\)/ });
  assert.equal(source.calls.length, 1);
  await clock.advance(2_000);
  assert.equal(await get(), 'value');
});

test('a provider that refuses connections is asked three times before it is left alone', async () => {
  const { source, get } = stage(withBreaker);
  source.failNext(down(), down(), down(), down());
  for (let index = 0; index < 5; index += 1) await assert.rejects(get(), { code: 'PROVIDER_DOWN' });
  assert.equal(source.calls.length, 3);
});

test('one call at a time tries whether a rested provider is back', async () => {
  const { source, clock, get } = stage(withBreaker);
  source.failNext(late());
  await assert.rejects(get());
  await clock.advance(2_000);
  const release = source.hold();
  const probe = get();
  await assert.rejects(get(), { code: 'PROVIDER_DOWN' });
  release();
  assert.equal(await probe, 'value');
  assert.equal(source.calls.length, 2);
});

test('a provider that stays away is asked ever more rarely, at least every half minute', async () => {
  const { source, clock, get } = stage(withBreaker);
  source.failNext(...Array.from({ length: 20 }, late));
  await assert.rejects(get());
  for (const rest of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    await clock.advance(rest - 1);
    const before = source.calls.length;
    await assert.rejects(get(), { code: 'PROVIDER_DOWN' });
    assert.equal(source.calls.length, before, `rested less than ${String(rest)} ms`);
    await clock.advance(1);
    await assert.rejects(get(), { code: 'DEADLINE' });
  }
});

for (const code of ['NOT_FOUND', 'PROVIDER_DENIED', 'THROTTLED', 'VALUE_HIDDEN'] as const) {
  test(`${code} is an answer: somebody is there`, async () => {
    const { source, get } = stage(withBreaker);
    source.failNext(down(), down(), new PsiError(code, 'no'), down(), down());
    for (let index = 0; index < 5; index += 1) await assert.rejects(get());
    assert.equal(await get(), 'value');
  });
}

test('keeps to the pause that a server asked for', async () => {
  const { source, clock, get } = stage(withThrottle);
  source.failNext(new PsiError('THROTTLED', 'limit', { retryAfterMs: 10_000 }));
  await assert.rejects(get(), { code: 'THROTTLED', message: 'limit' });
  await clock.advance(9_000);
  await assert.rejects(get(), { code: 'THROTTLED', message: /wait another 1 s/ });
  assert.equal(source.calls.length, 1);
  await clock.advance(1_000);
  assert.equal(await get(), 'value');
});

test('asks again after ten minutes, however long a server wants to be left alone', async () => {
  const { source, clock, get } = stage(withThrottle);
  source.failNext(new PsiError('THROTTLED', 'limit', { retryAfterMs: 9_999_999_000 }));
  await assert.rejects(get(), { code: 'THROTTLED', message: 'limit' });
  await clock.advance(599_000);
  await assert.rejects(get(), { code: 'THROTTLED', message: /wait another 1 s/ });
  await clock.advance(1_000);
  assert.equal(await get(), 'value');
});
