import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecretSource } from '../../../src/provider/secret-source.ts';
import { withBreaker, type BreakerDeps } from '../../../src/provider/with-breaker.ts';
import { withThrottle } from '../../../src/provider/with-throttle.ts';
import { PsiError } from '../../../src/core/error.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeSecretSource } from '../../fakes/secret-source.fake.ts';

const REF = { project: 'p', path: '/a', key: 'K' };
const down = (): PsiError => new PsiError('PROVIDER_DOWN', 'connection refused', { retry: 'later' });
const late = (): PsiError => new PsiError('DEADLINE', 'took too long', { retry: 'later' });

type Around = (source: SecretSource, deps: BreakerDeps) => SecretSource;

function stage(around: Around) {
  const source = new FakeSecretSource();
  source.set('p', '/a', 'K', 'value');
  const clock = new FakeClock();
  const guarded = around(source, { name: 'infisical', clock, probe: undefined });
  const get = async (): Promise<string> => (await guarded.get(REF, new AbortController().signal)).value.exposeText();
  const list = async (): Promise<number> =>
    (await guarded.list(REF, { recursive: false, values: true, signal: new AbortController().signal })).length;
  return { source, clock, guarded, get, list };
}

test('a provider that timed out is not asked again until it has rested', async () => {
  const { source, clock, get } = stage(withBreaker);
  source.failNext(late());
  await assert.rejects(get(), { code: 'DEADLINE' });
  await assert.rejects(get(), {
    code: 'PROVIDER_DOWN',
    message: /no usable answer at all since 2026-01-01T00:00:00Z \(took too long\)/,
  });
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

const OTHER = { project: 'q', path: '/b', key: 'K' };
const limit = (details = {}): PsiError => new PsiError('THROTTLED', 'limit', { retryAfterMs: 10_000, details });

test('a limit on single reads holds those of every project, and no list', async () => {
  const { source, guarded, get, list } = stage(withThrottle);
  source.set('q', '/b', 'K', 'value');
  source.failNext(limit());
  await assert.rejects(get(), { message: 'limit' });
  await assert.rejects(guarded.get(OTHER, new AbortController().signal), { message: /limits single reads; .* 10 s/ });
  assert.equal(await list(), 1);
});

test('a limit on lists holds no single read', async () => {
  const { source, get, list } = stage(withThrottle);
  source.failNext(limit());
  await assert.rejects(list(), { message: 'limit' });
  await assert.rejects(list(), { message: /limits lists of folders; it asked to wait another 10 s/ });
  assert.equal(await get(), 'value');
});

test('a single read that met the limit on lists holds lists', async () => {
  const { source, get, list } = stage(withThrottle);
  source.failNext(limit({ route: 'list' }));
  await assert.rejects(get(), { message: 'limit' });
  assert.equal(await get(), 'value');
  await assert.rejects(list(), { message: /limits lists of folders/ });
});

test('a limit on logins holds everything: nobody gets past one', async () => {
  const { source, get, list } = stage(withThrottle);
  source.failNext(limit({ route: 'login' }));
  await assert.rejects(get(), { message: 'limit' });
  await assert.rejects(get(), { message: /limits single reads/ });
  await assert.rejects(list(), { message: /limits lists of folders/ });
});

test('a folder that fails is named with its time, and the others are asked', async () => {
  const { source, clock, guarded, get } = stage((source, deps) =>
    withBreaker(source, { ...deps, probe: () => Promise.resolve() }),
  );
  source.set('q', '/b', 'K', 'other');
  const failure = { hint: 'see the log', retry: 'later' } as const;
  source.failNext(...Array.from({ length: 3 }, () => new PsiError('PROVIDER_DOWN', 'infisical answered 500', failure)));
  for (let index = 0; index < 3; index += 1) {
    await assert.rejects(get(), { message: 'infisical answered 500' });
    await clock.advance(100);
  }
  await assert.rejects(get(), {
    code: 'PROVIDER_DOWN',
    message: 'infisical has given no usable answer for p:/a since 2026-01-01T00:00:00Z (infisical answered 500)',
    hint: 'psi asks again in 2 s; see the log',
  });
  assert.equal((await guarded.get(OTHER, new AbortController().signal)).value.exposeText(), 'other');
});

test('whoever comes while the provider is asked for itself waits for what it says', async () => {
  const asked = Promise.withResolvers<undefined>();
  const { source, guarded, get } = stage((source, deps) =>
    withBreaker(source, { ...deps, probe: () => asked.promise.then(() => Promise.reject(down())) }),
  );
  source.failNext(late());
  await assert.rejects(get(), { code: 'DEADLINE' });
  const waiting = guarded.get(OTHER, new AbortController().signal);
  asked.resolve(undefined);
  await assert.rejects(waiting, { code: 'PROVIDER_DOWN', message: /no usable answer at all/ });
  assert.equal(source.calls.length, 1);
});

test('the question for the provider itself takes a second at most', async () => {
  const { source, clock, guarded, get } = stage((source, deps) =>
    withBreaker(source, { ...deps, probe: () => new Promise(() => undefined) }),
  );
  source.failNext(late());
  await assert.rejects(get(), { code: 'DEADLINE' });
  const waiting = assert.rejects(guarded.get(OTHER, new AbortController().signal), { code: 'PROVIDER_DOWN' });
  await clock.advance(1_000);
  await waiting;
});

const ENDS = {
  'whose time ends': { reason: late(), told: { code: 'PROVIDER_DOWN', message: /no usable answer at all/ } },
  'who goes away': { reason: new PsiError('SERVICE_DOWN', 'psi stops'), told: { code: 'SERVICE_DOWN' } },
};
for (const [who, { reason, told }] of Object.entries(ENDS)) {
  test(`${who} while the provider is asked for itself asks nobody, and says nothing of the place`, async () => {
    const asked = Promise.withResolvers<undefined>();
    const { source, guarded, get } = stage((source, deps) =>
      withBreaker(source, { ...deps, probe: () => asked.promise }),
    );
    source.set('q', '/b', 'K', 'other');
    source.failNext(late());
    await assert.rejects(get(), { code: 'DEADLINE' });
    const caller = new AbortController();
    const waiting = guarded.get(OTHER, caller.signal);
    caller.abort(reason);
    await assert.rejects(waiting, told);
    asked.resolve(undefined);
    assert.equal((await guarded.get(OTHER, new AbortController().signal)).value.exposeText(), 'other');
    assert.equal(source.calls.length, 2);
  });
}

const UNTOLD = {
  'a credential that cannot be read': new PsiError('CONFIG_INVALID', 'no credential'),
  'a caller that went away': new PsiError('SERVICE_DOWN', 'psi stops'),
  'a project that is not in the config': new PsiError('NOT_FOUND', 'no project', { details: { asked: false } }),
};
for (const [what, error] of Object.entries(UNTOLD)) {
  test(`${what} says nothing of the provider: it rests as before`, async () => {
    const { source, get } = stage(withBreaker);
    source.failNext(down(), down(), error, down());
    for (let index = 0; index < 4; index += 1) await assert.rejects(get());
    await assert.rejects(get(), { message: /no usable answer/ });
    assert.equal(source.calls.length, 4);
  });
}

test('asks again after ten minutes, however long a server wants to be left alone', async () => {
  const { source, clock, get } = stage(withThrottle);
  source.failNext(new PsiError('THROTTLED', 'limit', { retryAfterMs: 9_999_999_000 }));
  await assert.rejects(get(), { code: 'THROTTLED', message: 'limit' });
  await clock.advance(599_000);
  await assert.rejects(get(), { code: 'THROTTLED', message: /wait another 1 s/ });
  await clock.advance(1_000);
  assert.equal(await get(), 'value');
});
