import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretId } from '../../../src/core/naming.ts';
import { PsiError } from '../../../src/core/error.ts';
import { UNKNOWN_CALLER } from '../../../src/core/caller.ts';
import type { Fetched } from '../../../src/core/fetched.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { Answer, OwnValues } from '../../../src/lookup/answer.ts';
import type { LookupEvent } from '../../../src/lookup/audit-log.ts';
import { SecretCache } from '../../../src/cache/cache.ts';
import { Lookup } from '../../../src/lookup/lookup.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { BatchedReader } from '../../../src/lookup/batching.ts';
import { StatusBoard } from '../../../src/lookup/status.ts';
import { FakeCacheFile } from '../../fakes/cache-file.fake.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

const ID = secretId('d0a530acce22815a7778d156f');
const MAPPING = { provider: 'infisical', project: 'p', path: '/myapp', key: 'DB_HOST' };
const CANARY = 'canary-value-7f3a';

async function stage(
  get: () => Promise<Fetched> = () => Promise.resolve(fetched(CANARY)),
  options: {
    readonly cached?: string;
    readonly maxAgeMs?: number;
    readonly withoutConfig?: PsiError;
    readonly own?: OwnValues;
  } = {},
) {
  const store = new FakeMappingStore();
  store.files.set(ID, MAPPING);
  const mappings = await MappingTable.load(store, new FakeNameStore());
  mappings.learnNames([{ id: ID, name: 'myapp--DB_HOST' }]);
  const clock = new FakeClock();
  const events: LookupEvent[] = [];
  const status = new StatusBoard({ clock, mappings, version: '0' });
  const source = { get, list: () => Promise.reject(new Error('not asked')) };
  const reader = new BatchedReader(
    { source, clock, countBeside: () => 1, known: () => undefined },
    { batchWindowMs: 2_000 },
  );
  const file = new FakeCacheFile();
  if (options.cached !== undefined) {
    const entry = { ...fetched(options.cached, clock), tick: undefined, mapping: MAPPING };
    file.content = { entries: [entry], writtenAt: clock.now() };
  }
  const log = { opened: () => undefined, problem: () => undefined, recovered: () => undefined };
  const cache =
    options.cached === undefined
      ? undefined
      : new SecretCache({ file, backends: ['tpm'], clock, log }, { maxAgeMs: options.maxAgeMs });
  await cache?.open();
  const lookup = new Lookup({
    mappings,
    clock,
    status,
    readerOf: (provider) => (provider === 'infisical' ? reader : undefined),
    cache,
    ...(options.own && { own: options.own }),
    timeoutMs: () => 5_000,
    withoutConfig: () => options.withoutConfig,
    audit: { lookup: (event) => events.push(event) },
  });
  const answer = (id: string): Answer | Promise<Answer> =>
    lookup.answer({ id, mapping: mappings.get(id), caller: UNKNOWN_CALLER });

  const ask = async (id: string): Promise<Answer> => answer(id);
  const atHand = (id: string) => lookup.atHand({ id, mapping: mappings.get(id), caller: UNKNOWN_CALLER });
  return { answer, ask, atHand, events, status, clock, mappings };
}

test('answers a registered id with the value and its source', async () => {
  const { ask } = await stage();
  const { value, source } = await ask(ID);
  assert.deepEqual([value.exposeText(), source], [CANARY, 'live']);
});

test('writes one audit event per lookup, with names and outcome and no value', async () => {
  const { ask, events } = await stage();
  await ask(ID);
  assert.deepEqual(events, [
    {
      id: ID,
      name: 'myapp--DB_HOST',
      provider: 'infisical',
      caller: { kind: 'unknown' },
      source: 'live',
      outcome: 'ok',
      ms: 0,
    },
  ]);
});

test('has a cached value at hand, and notes it as any other lookup', async () => {
  const { answer, events, status } = await stage(undefined, { cached: 'from memory' });
  for (const held of [answer(ID), answer(ID)]) {
    assert.ok(!(held instanceof Promise));
    assert.deepEqual([held.value.exposeText(), held.source], ['from memory', 'cache']);
  }
  assert.deepEqual(
    events.map(({ name, source, outcome }) => [name, source, outcome]),
    [
      ['myapp--DB_HOST', 'cache', 'ok'],
      ['myapp--DB_HOST', 'cache', 'ok'],
    ],
  );
  assert.deepEqual(status.read().lookups, { ok: 2, failed: 0 });
});

test('has nothing at hand that is unknown, past its age, or without a cache', async () => {
  assert.ok((await stage()).answer(ID) instanceof Promise);
  const cached = await stage(undefined, { cached: 'from memory', maxAgeMs: 1_000 });
  assert.throws(() => cached.answer('0123456789abcdef012345678'), { code: 'NOT_FOUND' });
  await cached.clock.advance(2_000);
  assert.ok(cached.answer(ID) instanceof Promise);
});

test('counts failures and keeps the last ones for the status', async () => {
  const { ask, events, status } = await stage(() => Promise.reject(new PsiError('PROVIDER_DOWN', 'infisical is away')));
  await assert.rejects(ask(ID), { code: 'PROVIDER_DOWN' });
  assert.equal(events[0]?.outcome, 'PROVIDER_DOWN');
  assert.deepEqual(status.read().lookups, { ok: 0, failed: 1 });
  assert.equal(status.read().lastFailures[0]?.message, 'infisical is away');
});

test('names setup as the way out for an unknown id', async () => {
  const { ask } = await stage();
  await assert.rejects(ask('0123456789abcdef012345678'), { code: 'NOT_FOUND', hint: /psi setup/ });
});

test('refuses what is no id without repeating it', async () => {
  const { ask } = await stage();
  for (const id of ['', '..', 'cache.enc', 'a/b', '\0', 'x'.repeat(10_000)]) {
    await assert.rejects(ask(id), (error: PsiError) => error.code === 'BAD_REQUEST' && error.message.length < 200);
  }
});

test('names a provider that is configured no more', async () => {
  const { ask, mappings } = await stage();
  await mappings.put(ID, { provider: 'gone', project: 'p', path: '/', key: 'K' });
  await assert.rejects(ask(ID), { code: 'NOT_FOUND', message: /provider gone/ });
});

test('keeps the text of an unexpected error out of the answer', async () => {
  const { ask } = await stage(() => Promise.reject(new Error(`boom ${CANARY}`)));
  await assert.rejects(ask(ID), (error: PsiError) => error.code === 'INTERNAL' && !error.message.includes(CANARY));
});

test('answers from the cache without asking the provider, and the audit says so', async () => {
  const { ask, events, clock } = await stage(() => Promise.reject(new Error('not asked')), { cached: 'kept' });
  await clock.advance(60_000);
  const { value, source, ageMs } = await ask(ID);
  assert.deepEqual([value.exposeText(), source, ageMs], ['kept', 'cache', 60_000]);
  assert.deepEqual([events[0]?.source, events[0]?.outcome], ['cache', 'ok']);
});

test('what is at hand is noted once it is sent, with the time that finding it took', async () => {
  const { atHand, events, clock } = await stage(undefined, { cached: 'kept' });
  const found = atHand(ID);
  assert.deepEqual([found?.answer.value.exposeText(), events.length], ['kept', 0]);
  await clock.advance(1_000);
  found?.sent();
  assert.deepEqual(
    events.map(({ source, outcome, ms }) => [source, outcome, ms]),
    [['cache', 'ok', 0]],
  );
});

test('serves the old value when a provider does not answer within the deadline', async () => {
  const { ask, events, clock } = await stage(() => new Promise(() => undefined), {
    cached: 'kept',
    maxAgeMs: 1_000,
  });
  await clock.advance(2_000);
  const answer = ask(ID);
  await clock.advance(5_000);
  assert.deepEqual([(await answer).source, (await answer).value.exposeText()], ['stale', 'kept']);
  assert.deepEqual([events[0]?.source, events[0]?.outcome], ['stale', 'ok']);
});

test('believes the provider that a secret is gone, whatever the cache holds', async () => {
  const { ask, clock } = await stage(() => Promise.reject(new PsiError('NOT_FOUND', 'no secret')), {
    cached: 'kept',
    maxAgeMs: 1_000,
  });
  assert.equal((await ask(ID)).source, 'cache');
  await clock.advance(2_000);
  await assert.rejects(ask(ID), { code: 'NOT_FOUND' });
});

for (const code of ['PLACE_NOT_FOUND', 'VALUE_HIDDEN', 'PROVIDER_DENIED', 'PROVIDER_DOWN'] as const) {
  test(`keeps the old value when the provider says ${code}, which is not that this secret is gone`, async () => {
    const { ask, clock } = await stage(() => Promise.reject(new PsiError(code, 'no')), {
      cached: 'kept',
      maxAgeMs: 1_000,
    });
    await clock.advance(2_000);
    for (let at = 0; at < 2; at += 1) assert.equal((await ask(ID)).source, 'stale');
  });
}

test('keeps what is cached of a provider that is configured no more, and does not answer with it', async () => {
  const { ask, mappings } = await stage(undefined, { cached: 'kept' });
  await mappings.put(ID, { ...MAPPING, provider: 'gone' });
  await assert.rejects(ask(ID), { code: 'NOT_FOUND', message: /provider gone/ });
  await mappings.put(ID, MAPPING);
  assert.equal((await ask(ID)).source, 'cache');
});

test('a value prints as redacted wherever it is logged by mistake', () => {
  const value = SecretValue.fromText(CANARY);
  assert.equal(`${String(value)} ${JSON.stringify({ value })}`, '[redacted] {"value":"[redacted]"}');
});

test('a mapping that could not be read fails its own lookups, with the reason and the command', async () => {
  const store = new FakeMappingStore();
  store.files.set(ID, MAPPING);
  store.foreign.add('bb22');
  const mappings = await MappingTable.load(store, new FakeNameStore());
  assert.equal(mappings.whyMissing(ID), undefined);
  assert.equal(mappings.whyMissing('cc33'), undefined);
  assert.equal(mappings.whyMissing('bb22')?.message, 'the file holds no mapping');
  assert.deepEqual(
    mappings.problems().map(({ subject }) => subject),
    ['bb22'],
  );
  await mappings.put(secretId('bb22'), MAPPING);
  assert.deepEqual([mappings.whyMissing('bb22'), mappings.problems()], [undefined, []]);
});

test('a state folder that cannot be read is the reason of every lookup that has no mapping', async () => {
  const store = new FakeMappingStore();
  store.failWith = new PsiError('HOST', 'cannot read the state folder /s: EACCES');
  const mappings = await MappingTable.load(store, new FakeNameStore());
  assert.equal(mappings.whyMissing(ID)?.message, 'cannot read the state folder /s: EACCES');
  assert.equal(mappings.whyMissing('no id'), undefined);
  assert.equal(mappings.problems()[0]?.subject, undefined);
  await assert.rejects(mappings.readAgain(), { code: 'HOST' });
  store.failWith = undefined;
  store.files.set(ID, MAPPING);
  await mappings.readAgain();
  assert.deepEqual([mappings.get(ID), mappings.problems()], [MAPPING, []]);
});

test('without a config every id is answered with that, a known one and one that nobody knows', async () => {
  const withoutConfig = new PsiError('CONFIG_INVALID', 'psi has no config to work with');
  const { answer, status } = await stage(undefined, { withoutConfig });
  for (const id of [ID, secretId('5e'), 'a.b']) assert.throws(() => answer(id), withoutConfig);
  assert.equal(status.read().lookups.failed, 3);
});

const SEALED = secretId('5ea1ed0000000000000000000');

async function sealedStage(read: OwnValues['read'], cached?: string) {
  const it = await stage(() => assert.fail('no provider is asked'), { own: { read }, ...(cached && { cached }) });
  await it.mappings.put(SEALED, { provider: 'sealed', name: 'db' });
  return it;
}

test('a value of this host is at hand where it is in memory, noted as any other, and no business of the cache', async () => {
  const { answer, events } = await sealedStage(({ provider }) => SecretValue.fromText(`of ${provider}`), 'kept');
  const held = answer(SEALED);
  assert.ok(!(held instanceof Promise));
  assert.deepEqual([held.value.exposeText(), held.source, held.ageMs], ['of sealed', 'sealed', undefined]);
  assert.deepEqual(
    events.map(({ provider, source, outcome }) => [provider, source, outcome]),
    [['sealed', 'sealed', 'ok']],
  );
});

test('what opens it may be slow: the lookup ends in its time, and the next one has the value', async () => {
  const { promise, resolve } = Promise.withResolvers<SecretValue>();
  let opened: SecretValue | Promise<SecretValue> = promise;
  const { ask, answer, clock } = await sealedStage(() => opened);
  const slow = ask(SEALED);
  const refused = assert.rejects(slow, { code: 'DEADLINE', hint: /psi sealed status/ });
  await clock.advance(5_000);
  await refused;
  const value = SecretValue.fromText('v');
  resolve(value);
  opened = await promise;
  assert.ok(!(answer(SEALED) instanceof Promise));
});

test('a failure of what opens it, and a provider that the config has no more, are told as such', async () => {
  const away = await sealedStage(() => Promise.reject(new PsiError('KEY_UNAVAILABLE', 'no TPM answers')));
  await assert.rejects(away.ask(SEALED), { code: 'KEY_UNAVAILABLE' });
  const gone = await sealedStage(() => undefined);
  await assert.rejects(gone.ask(SEALED), { code: 'NOT_FOUND', message: 'the provider sealed is not configured' });
  assert.deepEqual(
    gone.events.map(({ outcome }) => outcome),
    ['NOT_FOUND'],
  );
});
