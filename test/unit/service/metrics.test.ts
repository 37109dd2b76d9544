import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { UNKNOWN_CALLER } from '../../../src/core/caller.ts';
import { PsiError } from '../../../src/core/error.ts';
import type { LookupEvent } from '../../../src/lookup/audit-log.ts';
import { Buckets, Tally } from '../../../src/service/figures.ts';
import { createMetrics, type Metrics } from '../../../src/service/metrics.ts';

const NOTHING = {
  mappings: () => 3,
  problems: () => 0,
  warnings: () => 0,
  owed: () => false,
  setupTimes: () => ({ last: undefined, lastGood: undefined }),
  providers: () => [],
  certificates: () => [],
};

const lookup = (outcome: LookupEvent['outcome'], ms: number): LookupEvent => ({
  ...{ id: 'b1', name: undefined, provider: 'infisical', caller: UNKNOWN_CALLER, outcome, ms },
  source: outcome === 'ok' ? 'cache' : undefined,
});

const linesOf = async (metrics: Metrics, name: string): Promise<readonly string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith(name));

test('what was counted before anybody asked for the metrics is in them, and what came since', async () => {
  const metrics = createMetrics(NOTHING);
  const seen: LookupEvent[] = [];
  const audit = metrics.audit({ lookup: (event) => seen.push(event) });
  audit.lookup(lookup('ok', 0.4));
  audit.lookup(lookup('ok', 3));
  assert.deepEqual(await linesOf(metrics, 'psi_lookups_total'), ['psi_lookups_total{outcome="ok",source="cache"} 2']);
  audit.lookup(lookup('PROVIDER_DOWN', 7_000));
  metrics.refused({
    ...{ request: 'store', id: undefined, name: undefined, caller: UNKNOWN_CALLER, agent: undefined },
    error: new PsiError('UNAUTHENTICATED', 'no token'),
  });
  assert.deepEqual(await linesOf(metrics, 'psi_lookups_total'), [
    'psi_lookups_total{outcome="ok",source="cache"} 2',
    'psi_lookups_total{outcome="PROVIDER_DOWN",source="none"} 1',
  ]);
  assert.deepEqual(await linesOf(metrics, 'psi_refused_requests_total'), [
    'psi_refused_requests_total{request="store",outcome="UNAUTHENTICATED"} 1',
  ]);
  assert.deepEqual(await linesOf(metrics, 'psi_lookup_seconds_count'), ['psi_lookup_seconds_count 3']);
  assert.deepEqual(await linesOf(metrics, 'psi_mappings'), ['psi_mappings 3']);
  assert.equal(seen.length, 3);
});

test('calls to a provider are counted by how they ended', async () => {
  const metrics = createMetrics(NOTHING);
  const source = metrics.countCalls('infisical', {
    list: () => Promise.resolve([]),
    get: () => Promise.reject(new PsiError('NOT_FOUND', 'gone')),
    folders: () => Promise.resolve([]),
  });
  const { signal } = new AbortController();
  await source.list({ project: 'p', path: '/' }, { recursive: false, values: true, signal });
  await assert.rejects(source.get({ project: 'p', path: '/', key: 'K' }, signal));
  assert.deepEqual(await linesOf(metrics, 'psi_provider_calls_total'), [
    'psi_provider_calls_total{provider="infisical",call="list",ok="true"} 1',
    'psi_provider_calls_total{provider="infisical",call="get",ok="false"} 1',
  ]);
});

test('the text is well-formed: each name has its help and type once, and ends with a line break', async () => {
  const text = await createMetrics(NOTHING).text();
  const named = [...text.matchAll(/^# TYPE (\S+) \S+$/gm)].map(([, name]) => name);
  assert.equal(new Set(named).size, named.length);
  assert.deepEqual(
    named,
    [...text.matchAll(/^# HELP (\S+) .+$/gm)].map(([, name]) => name),
  );
  assert.ok(named.includes('psi_lookup_seconds'));
  assert.ok(named.includes('psi_process_resident_memory_bytes'));
  assert.match(text, /\S\n$/);
  assert.equal(createMetrics(NOTHING).contentType, new Registry().contentType);
});

test('buckets count as a histogram of prom-client does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.double({ min: 0, max: 6, noNaN: true }), fc.constantFrom(0.0005, 0.025, 5, 5.1))),
      async (times) => {
        const registry = new Registry();
        const buckets = [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5];
        const theirs = new Histogram({ name: 'x', help: 'some help', buckets, registers: [registry] });
        const ours = new Buckets();
        for (const time of times) {
          theirs.observe(time);
          ours.observe(time);
        }
        assert.equal(ours.text('x', 'some help'), await registry.metrics());
      },
    ),
    { numRuns: 50 },
  );
});

test('a tally keeps combinations of texts apart', () => {
  const tally = new Tally();
  for (const values of [
    ['a', 'bc'],
    ['ab', 'c'],
    ['a', 'bc'],
  ])
    tally.add(...values);
  assert.deepEqual(
    [...tally.all()].map(({ values, count }) => [...values, count]),
    [
      ['a', 'bc', 2],
      ['ab', 'c', 1],
    ],
  );
});
