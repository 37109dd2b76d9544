// A kind of provider that PSI does not have: its secrets go from the config through setup, cache, lookup and refresh as any others do.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { SecretCache } from '../../../src/cache/cache.ts';
import { CacheRefresh } from '../../../src/cache/refresh.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { openProvider } from '../../../src/config/provider-section.ts';
import { BatchedReader } from '../../../src/lookup/batching.ts';
import { UNKNOWN_CALLER } from '../../../src/core/caller.ts';
import { Lookup } from '../../../src/lookup/lookup.ts';
import { StatusBoard } from '../../../src/lookup/status.ts';
import { openProviders } from '../../../src/service/open-providers.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { jsonFileKind } from '../../fakes/json-file-provider.ts';
import { fakeProviderTools } from '../../fakes/provider-tools.fake.ts';
import { changes, setupStage } from '../registration/setup-stage.ts';

const KINDS = [...PROVIDER_KINDS, jsonFileKind];

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'psi-json-'));
  file = join(folder, 'secrets.json');
});
afterEach(() => rm(folder, { recursive: true }));

const write = (content: unknown): Promise<void> => writeFile(file, JSON.stringify(content));

async function stage() {
  const text = `
providers:
  vault: {kind: json-file, file: ${file}, projects: {shop: {title: The shop}}}
workloads:
  app: {secrets: [{project: shop, path: /app}]}
`;
  const config = await loadConfig({
    env: {},
    uid: 0,
    kinds: KINDS,
    readFile: () => Promise.resolve(new TextEncoder().encode(text)),
  });
  const clock = new FakeClock();
  const providers = await openProviders(config, async (_, given) => {
    const { source, close } = await openProvider(KINDS, given, { ...fakeProviderTools(), readFile });
    const reader = new BatchedReader({ source, clock, countBeside: () => 1, known: () => undefined }, config.lookup);
    return {
      source,
      reader,
      problem: () => undefined,
      answers: { silent: () => [], lookAgain: () => Promise.resolve() },
      close,
    };
  });
  const made = await setupStage({ cache: true, sources: providers.sources });
  made.target.workloads = [...config.workloads];
  const { mappings } = made;
  const lookupWith = (kept: SecretCache | undefined): Lookup =>
    new Lookup({
      mappings,
      clock,
      status: new StatusBoard({ clock, mappings, version: '0' }),
      readerOf: (name) => providers.readers.get(name),
      cache: kept,
      timeoutMs: () => config.lookup.timeoutMs,
      audit: { lookup: () => undefined },
    });
  const answerOf = async (key: string, kept?: SecretCache): Promise<string> => {
    const id = mappings.ids().find((one) => mappings.placeOf(one)?.key === key) ?? '';
    const wanted = { id, mapping: mappings.get(id), caller: UNKNOWN_CALLER };
    return (await lookupWith(kept).answer(wanted)).value.exposeText();
  };
  return { ...made, config, providers, answerOf };
}

test('a provider of a further kind is set up, answered, cached and refreshed like any other', async () => {
  await write({ 'The shop': { '/app': { A: '1', B: '2' }, '/other': { C: '3' } } });
  const { run, config, cache, mappings, clock, providers, cacheFile, answerOf } = await stage();
  const kept = (): readonly (readonly [string, string])[] =>
    (cacheFile.content?.entries ?? []).map(({ mapping, value }) => [mapping.key, value.exposeText()] as const);

  const report = await run();
  assert.deepEqual(
    changes(report).filter((change) => change.startsWith('create')),
    ['create app--A', 'create app--B'],
  );
  assert.deepEqual(
    mappings.all().map(({ provider, project, path, key }) => [provider, project, path, key]),
    [
      ['vault', 'shop', '/app', 'A'],
      ['vault', 'shop', '/app', 'B'],
    ],
  );
  assert.equal(await answerOf('A'), '1');
  assert.deepEqual(kept(), [
    ['A', '1'],
    ['B', '2'],
  ]);

  await write({ 'The shop': { '/app': { A: 'new' } } });
  const refresh = new CacheRefresh({ cache, mappings, clock });
  const target = { workloads: config.workloads, sourceOf: (name: string) => providers.sources.get(name) };
  const refreshed = await refresh.run(target, { replace: false }, () => undefined, new AbortController().signal);
  assert.equal(refreshed.exit, 0);
  assert.deepEqual(kept(), [['A', 'new']]);
  assert.equal(await answerOf('A', cache), 'new');
  providers.close();
});
