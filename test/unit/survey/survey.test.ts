import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { SecretSpec, Workload } from '../../../src/core/workload.ts';
import type { SurveyEvent } from '../../../src/survey/events.ts';
import { covers, survey, type Failed, type Found, type Surveyed, type SurveyDeps } from '../../../src/survey/survey.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeSecretSource } from '../../fakes/secret-source.fake.ts';

const SPEC: SecretSpec = {
  project: 'p',
  path: '/shared',
  recursive: false,
  include: [],
  exclude: [],
  prefix: '',
  as: 'env',
  mode: undefined,
};

function workload(name: string, ...secrets: readonly Partial<SecretSpec>[]): Workload {
  const specs = secrets.map((over) => ({ ...SPEC, ...over }));
  return { name, provider: 'vault', unit: `${name}.container`, dependsOn: [], secrets: specs };
}

function stage(over: Partial<SurveyDeps> = {}) {
  const clock = new FakeClock();
  const source = new FakeSecretSource(clock);
  source.set('p', '/shared', 'A', '1');
  const events: SurveyEvent[] = [];
  const deps: SurveyDeps = {
    sourceOf: (name) => (name === 'vault' ? source : undefined),
    clock,
    emit: (event) => events.push(event),
    registeredFrom: () => 0,
    ...over,
  };
  const run = async (...workloads: readonly Workload[]): Promise<readonly Surveyed[]> => {
    const results: Surveyed[] = [];
    for await (const result of survey(workloads, deps, new AbortController().signal)) results.push(result);
    return results;
  };
  return { source, clock, events, deps, run };
}

function found(surveyed: Surveyed | undefined): Found {
  assert.ok(surveyed?.outcome.kind === 'found');
  return surveyed.outcome;
}

function failed(surveyed: Surveyed | undefined): Failed {
  assert.ok(surveyed?.outcome.kind === 'failed');
  return surveyed.outcome;
}

const down = (): PsiError => new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' });

test('lists each place once, however many workloads name it', async () => {
  const { source, events, run } = stage();
  const results = await run(workload('one', {}), workload('two', { prefix: 'X_' }, {}));
  assert.equal(source.calls.length, 1);
  assert.deepEqual(
    results.map((result) => found(result).secrets.map(({ name }) => name)),
    [['one--A'], ['two--A', 'two--X_A']],
  );
  assert.deepEqual(events, [{ event: 'listing', workload: 'one', project: 'p', path: '/shared' }]);
});

test('another provider, or the sub-folders too, is another listing', async () => {
  const { source, run } = stage({ sourceOf: () => source });
  const other = { ...workload('other', {}), provider: 'second' };
  await run(workload('one', {}, { recursive: true }), other);
  assert.equal(source.calls.length, 3);
});

test('the failure of one workload is its own outcome, and the next one is still found', async () => {
  const { source, run } = stage({ pausesMs: [] });
  source.set('p', '/other', 'B', '2');
  source.failNext(down());
  const [one, two] = await run(workload('one', {}), workload('two', { path: '/other' }));
  assert.equal(failed(one).error.code, 'PROVIDER_DOWN');
  assert.deepEqual(
    found(two).secrets.map(({ mapping, fetched }) => [mapping.path, mapping.key, fetched?.value.exposeText()]),
    [['/other', 'B', '2']],
  );
});

test('a place that could not be listed is not asked for again in the same run', async () => {
  const { source, run } = stage({ pausesMs: [] });
  source.failNext(down());
  const results = await run(workload('one', {}), workload('two', {}));
  assert.deepEqual(
    results.map((result) => failed(result).error.code),
    ['PROVIDER_DOWN', 'PROVIDER_DOWN'],
  );
  assert.equal(source.calls.length, 1);
});

test('a provider that is not configured fails its workload', async () => {
  const { run } = stage();
  const [one] = await run({ ...workload('one', {}), provider: 'nobody' });
  assert.equal(failed(one).error.code, 'CONFIG_INVALID');
});

test('waits a transient failure out, and says for how long', async () => {
  const { source, clock, events, run } = stage();
  source.failNext(down(), down());
  const results = run(workload('one', {}));
  await clock.advance(4_999);
  assert.equal(source.calls.length, 1);
  await clock.advance(1);
  assert.equal(source.calls.length, 2);
  await clock.advance(10_000);
  assert.deepEqual(
    found((await results)[0]).secrets.map(({ name }) => name),
    ['one--A'],
  );
  assert.deepEqual(
    events.flatMap((event) => (event.event === 'retrying' ? [event.waitMs] : [])),
    [5_000, 10_000],
  );
});

test('a listing that never answers ends by its deadline', async () => {
  const { source, clock, run } = stage({ pausesMs: [] });
  source.hold();
  const results = run(workload('one', {}));
  await clock.advance(30_000);
  const { error } = failed((await results)[0]);
  assert.deepEqual([error.code, error.message.includes('the listing of p:/shared')], ['DEADLINE', true]);
});

test('lists the next workload only when its result is asked for', async () => {
  const { source, deps } = stage();
  source.addFolder('p', '/other');
  const results = survey(
    [workload('one', {}), workload('two', { path: '/other' })],
    deps,
    new AbortController().signal,
  );
  await results.next();
  assert.equal(source.calls.length, 1);
  await results.next();
  assert.equal(source.calls.length, 2);
});

test('a value keeps the moment of its listing, also where a later workload gets it from there', async () => {
  const { clock, deps } = stage();
  const begin = clock.now();
  const results = survey([workload('one', {}), workload('two', {})], deps, new AbortController().signal);
  await results.next();
  await clock.advance(60_000);
  const { value: two } = await results.next();
  assert.deepEqual(
    found(two ?? undefined).secrets.map(({ fetched }) => [fetched?.fetchedAt, fetched?.tick]),
    [[begin, 0]],
  );
});

test('keeps per source what was seen, also where it is empty or excluded', async () => {
  const { source, run } = stage();
  source.addFolder('p', '/empty');
  const [one] = await run(workload('one', { exclude: ['A'] }, { path: '/empty' }));
  const { sources, secrets } = found(one);
  assert.deepEqual(
    sources.map(({ spec, seen, namesOnly }) => [spec.path, seen.map(({ key }) => key), namesOnly]),
    [
      ['/shared', ['A'], undefined],
      ['/empty', [], undefined],
    ],
  );
  assert.deepEqual(secrets, []);
});

test('a refused listing is asked for by name only, and its source says so', async () => {
  const { source, run } = stage();
  source.failNext(new PsiError('PROVIDER_DENIED', 'no right to read'));
  const { sources, secrets, notes } = found((await run(workload('one', {})))[0]);
  assert.deepEqual([sources[0]?.namesOnly, secrets.map(({ fetched }) => fetched)], ['no right to read', [undefined]]);
  assert.match(notes.join(), /^p:\/shared could only be listed by name \(no right to read\)/);
});

test('a folder that is suddenly empty fails the workload, which keeps what was seen until then', async () => {
  const { source, run } = stage({ registeredFrom: (_, { path }) => (path === '/empty' ? 2 : 0) });
  source.addFolder('p', '/empty');
  const { error, sources } = failed((await run(workload('one', {}, { path: '/empty' })))[0]);
  assert.deepEqual([error.code, sources.map(({ seen }) => seen.length)], ['NOT_FOUND', [1, 0]]);
  assert.match(error.message, /where 2 are registered: one is left as it was/);
});

test('what the source does to its own list afterwards does not reach a result, and nobody can change it there', async () => {
  const list = [{ key: 'A', path: '/shared', fetched: undefined }];
  const source = { list: () => Promise.resolve(list), get: () => Promise.reject(new Error('not asked')) };
  const { run } = stage({ sourceOf: () => source });
  const [one] = await run(workload('one', {}));
  list.length = 0;
  const [surveyed] = found(one).sources;
  assert.deepEqual(
    surveyed?.seen.map(({ key }) => key),
    ['A'],
  );
  assert.ok(Object.isFrozen(surveyed.seen));
});

test('a source covers its own folder, and those below it only if it is recursive', () => {
  const at = (path: string, project = 'p') => ({ provider: 'vault', project, path, key: 'A' });
  const below = { ...SPEC, recursive: true };
  assert.deepEqual(
    [covers(SPEC, at('/shared')), covers(SPEC, at('/shared/x')), covers(SPEC, at('/shared', 'q'))],
    [true, false, false],
  );
  assert.deepEqual(
    [covers(below, at('/shared/x')), covers(below, at('/sharedx')), covers({ ...below, path: '/' }, at('/x'))],
    [true, false, true],
  );
});
