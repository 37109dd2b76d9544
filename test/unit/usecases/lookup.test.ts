import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret.ts';
import type { LookupEvent } from '../../../src/ports/audit-log.ts';
import { Lookup } from '../../../src/usecases/lookup.ts';
import { MappingTable } from '../../../src/usecases/mapping-table.ts';
import { Resolver } from '../../../src/usecases/resolve.ts';
import { StatusBoard } from '../../../src/usecases/status.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';

const ID = 'd0a530acce22815a7778d156f';
const CANARY = 'canary-value-7f3a';

async function stage(get: () => Promise<SecretValue> = () => Promise.resolve(SecretValue.fromText(CANARY))) {
  const store = new FakeMappingStore();
  store.files.set(ID, { provider: 'infisical', project: 'p', path: '/myapp', key: 'DB_HOST' });
  const { table: mappings } = await MappingTable.load(store);
  mappings.learnNames([{ id: ID, name: 'myapp--DB_HOST' }]);
  const clock = new FakeClock();
  const events: LookupEvent[] = [];
  const status = new StatusBoard({ clock, mappings, version: '0' });
  const source = { get, list: () => Promise.reject(new Error('not asked')) };
  const resolver = new Resolver({ source, clock, countBeside: () => 1 }, { timeoutMs: 5_000, batchWindowMs: 2_000 });
  const lookup = new Lookup({
    mappings,
    clock,
    status,
    resolverOf: (provider) => (provider === 'infisical' ? resolver : undefined),
    timeoutMs: () => 5_000,
    audit: { lookup: (event) => events.push(event) },
  });
  return { lookup, events, status, clock, mappings };
}

test('answers a registered id with the value and its source', async () => {
  const { lookup } = await stage();
  const { value, source } = await lookup.lookup(ID);
  assert.deepEqual([value.exposeText(), source], [CANARY, 'live']);
});

test('writes one audit event per lookup, with names and outcome and no value', async () => {
  const { lookup, events } = await stage();
  await lookup.lookup(ID);
  assert.deepEqual(events, [
    { id: ID, name: 'myapp--DB_HOST', provider: 'infisical', source: 'live', outcome: 'ok', ms: 0 },
  ]);
});

test('counts failures and keeps the last ones for the status', async () => {
  const { lookup, events, status } = await stage(() =>
    Promise.reject(new PsiError('PROVIDER_DOWN', 'infisical is away')),
  );
  await assert.rejects(lookup.lookup(ID), { code: 'PROVIDER_DOWN' });
  assert.equal(events[0]?.outcome, 'PROVIDER_DOWN');
  assert.deepEqual(status.read().lookups, { ok: 0, failed: 1 });
  assert.equal(status.read().lastFailures[0]?.message, 'infisical is away');
});

test('names setup as the way out for an unknown id', async () => {
  const { lookup } = await stage();
  await assert.rejects(lookup.lookup('0123456789abcdef012345678'), { code: 'NOT_FOUND', hint: /psi setup/ });
});

test('refuses what is no id without repeating it', async () => {
  const { lookup } = await stage();
  for (const id of ['', '..', 'cache.enc', 'a/b', '\0', 'x'.repeat(10_000)]) {
    await assert.rejects(
      lookup.lookup(id),
      (error: PsiError) => error.code === 'BAD_REQUEST' && error.message.length < 200,
    );
  }
});

test('names a provider that is configured no more', async () => {
  const { lookup, mappings } = await stage();
  await mappings.put(ID, { provider: 'gone', project: 'p', path: '/', key: 'K' });
  await assert.rejects(lookup.lookup(ID), { code: 'NOT_FOUND', message: /provider gone/ });
});

test('keeps the text of an unexpected error out of the answer', async () => {
  const { lookup } = await stage(() => Promise.reject(new Error(`boom ${CANARY}`)));
  await assert.rejects(
    lookup.lookup(ID),
    (error: PsiError) => error.code === 'INTERNAL' && !error.message.includes(CANARY),
  );
});

test('a value prints as redacted wherever it is logged by mistake', () => {
  const value = SecretValue.fromText(CANARY);
  assert.equal(`${String(value)} ${JSON.stringify({ value })}`, '[redacted] {"value":"[redacted]"}');
});
