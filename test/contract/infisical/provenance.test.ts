// How old a value is, from Infisical's answer through listing, lookup and cache to the next process: all on one clock that stands still.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretCache } from '../../../src/cache/cache.ts';
import { UNKNOWN_CALLER } from '../../../src/core/caller.ts';
import { ageOf } from '../../../src/core/fetched.ts';
import type { Answer } from '../../../src/lookup/answer.ts';
import { BatchedReader } from '../../../src/lookup/batching.ts';
import { Lookup } from '../../../src/lookup/lookup.ts';
import { StatusBoard } from '../../../src/lookup/status.ts';
import { FakeCacheFile } from '../../fakes/cache-file.fake.ts';
import { PROD, startStage, type Stage } from './stage.ts';

const KEYS = Array.from({ length: 12 }, (_, index) => `K${String(index)}`);
const LOG = { opened: () => undefined, problem: () => undefined, recovered: () => undefined };

function psi({ clock, restart }: Stage, file: FakeCacheFile | undefined) {
  const source = restart();
  const cache = file && new SecretCache({ file, backends: ['tpm'], clock, log: LOG }, { maxAgeMs: undefined });
  const reader = new BatchedReader(
    { source, clock, countBeside: () => KEYS.length, known: () => undefined },
    { batchWindowMs: 2_000 },
  );
  const lookup = new Lookup({
    mappings: { nameOf: () => undefined, whyMissing: () => undefined },
    clock,
    cache,
    readerOf: () => reader,
    timeoutMs: () => 5_000,
    audit: { lookup: () => undefined },
    status: new StatusBoard({ clock, mappings: { size: 0, get: () => undefined }, version: '0' }),
  });
  const ask = async (key: string): Promise<string> => {
    const mapping = { provider: 'infisical', project: 'main', path: '/', key };
    const answer: Answer = await lookup.answer({ id: 'id', mapping, caller: UNKNOWN_CALLER });
    return `${answer.source} ${answer.value.exposeText()} ${String(answer.ageMs)}`;
  };
  return { ask, cache, reader };
}

async function listedLongAgo(stage: Stage, file: FakeCacheFile | undefined) {
  for (const key of KEYS) stage.double.state.setSecret({ ...PROD, path: '/', key, value: 'old' });
  const running = psi(stage, file);
  await running.cache?.open();
  assert.equal(await running.ask('K0'), 'live old 0');
  // A start that Podman's lock stretches: as long as keys are taken from it, the listing is held.
  for (const key of KEYS.slice(1, 11)) {
    await stage.clock.advance(25_000);
    await running.ask(key);
  }
  stage.double.state.setSecret({ ...PROD, path: '/', key: 'K11', value: 'new' });
  return running;
}

test('a value 250 s old that has changed since is answered with its age, and never as fetched now', async (t) => {
  const stage = await startStage();
  t.after(stage.stop);
  const { ask, reader } = await listedLongAgo(stage, undefined);
  assert.equal(await ask('K11'), 'held old 250000');
  reader.close();
});

test('the cache and its status tell the same age, and so does the next process', async (t) => {
  const stage = await startStage();
  t.after(stage.stop);
  const file = new FakeCacheFile();
  const { ask, cache, reader } = await listedLongAgo(stage, file);
  assert.equal(await ask('K11'), 'held old 250000');
  assert.equal(await ask('K11'), 'cache old 250000');
  assert.equal(cache?.status().oldestAgeSeconds, 250);
  reader.close();
  await cache.close();
  await stage.clock.advance(50_000);
  const next = psi(stage, file);
  await next.cache?.open();
  assert.equal(await next.ask('K11'), 'cache old 300000');
  assert.equal(next.cache?.status().oldestAgeSeconds, 300);
  next.reader.close();
});

test('each value of one answer has the moment of that answer, and the number the server gives it', async (t) => {
  const stage = await startStage();
  t.after(stage.stop);
  stage.double.state.setSecret({ ...PROD, path: '/', key: 'A', value: 'a' });
  const signal = AbortSignal.timeout(7_000);
  const [listed] = await stage.source.list({ project: 'main', path: '/' }, { recursive: false, values: true, signal });
  const single = await stage.source.get({ project: 'main', path: '/', key: 'A' }, signal);
  await stage.clock.advance(1_000);
  for (const fetched of [listed?.fetched, single]) {
    assert.deepEqual([fetched && ageOf(fetched, stage.clock), fetched?.version], [1_000, 1]);
  }
});
