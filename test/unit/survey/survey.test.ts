import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { SecretSpec, Workload } from '../../../src/core/workload.ts';
import { covers, type RegisteredKey } from '../../../src/survey/registered-keys.ts';
import type { SurveyEvent } from '../../../src/survey/events.ts';
import { survey, type Failed, type Found, type Surveyed, type SurveyDeps } from '../../../src/survey/survey.ts';
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
  allowEmpty: false,
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
    registered: () => [],
    known: () => undefined,
    ...over,
  };
  const run = async (...workloads: readonly Workload[]): Promise<readonly Surveyed[]> => {
    const results: Surveyed[] = [];
    for await (const result of survey(workloads, deps, new AbortController().signal)) results.push(result);
    return results;
  };
  return { source, clock, events, deps, run };
}

function registeredKey(name: string, path: string, key: string): RegisteredKey {
  return { name: `${name}--${key}`, mapping: { provider: 'vault', project: 'p', path, key } };
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
  const { source, run } = stage({ once: true });
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
  const { source, run } = stage({ once: true });
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

test('the folders of a provider that is down share one minute of waiting', async () => {
  const { source, clock, run } = stage();
  const names = Array.from({ length: 60 }, (_, index) => `F${String(index)}`);
  source.failNext(...Array.from({ length: 200 }, down));
  const results = run(...names.map((name) => workload(name, { path: `/${name}` })));
  await clock.advance(60_000);
  assert.equal((await results).filter(({ outcome }) => outcome.kind === 'failed').length, 60);
  // The first one was asked five times.
  assert.equal(source.calls.length, 64);
});

test('limits have a budget of their own', async () => {
  const { source, clock, run } = stage();
  source.failNext(...Array.from({ length: 5 }, down));
  source.failNext(new PsiError('THROTTLED', 'limit', { retry: 'later', retryAfterMs: 120_000 }));
  const results = run(workload('one', { path: '/one' }), workload('two', {}));
  await clock.advance(60_000);
  await clock.advance(120_000);
  assert.equal(found((await results)[1]).secrets.length, 1);
});

test('where all that is wanted is there from before, only limits are waited for, and for a minute at most', async () => {
  const { source, clock, run } = stage({ isServed: ({ name }) => name !== 'new' });
  const limit = (retryAfterMs: number): PsiError =>
    new PsiError('THROTTLED', 'limit', { retry: 'later', retryAfterMs });
  source.failNext(down());
  assert.equal(failed((await run(workload('one', {})))[0]).error.message, 'away');
  source.failNext(limit(60_001));
  assert.equal(failed((await run(workload('one', {})))[0]).error.message, 'limit');
  assert.equal(clock.sleeping, 0);
  source.failNext(limit(50_000));
  const waited = run(workload('one', {}));
  await clock.advance(50_000);
  found((await waited)[0]);
  // A place that somebody else has to wait for is waited for.
  source.failNext(down());
  const both = run(workload('one', {}), workload('new', { prefix: 'X_' }));
  await clock.advance(5_000);
  for (const one of await both) found(one);
});

test('a listing that never answers ends by its deadline', async () => {
  const { source, clock, run } = stage({ once: true });
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
  assert.equal(sources[0]?.namesOnly, 'no right to read');
  // One that is new gets a line only if it can be read by itself.
  assert.deepEqual(
    secrets.map(({ fetched }) => fetched?.value.exposeText()),
    ['1'],
  );
  assert.match(notes.join(), /^p:\/shared could only be listed by name \(no right to read\)/);
});

test('a folder that is suddenly empty fails the workload, which keeps what was seen until then', async () => {
  const registered = ['A', 'B'].map((key) => registeredKey('one', '/empty', key));
  const { source, run } = stage({ registered: () => registered });
  source.addFolder('p', '/empty');
  const { error, sources } = failed((await run(workload('one', {}, { path: '/empty' })))[0]);
  assert.deepEqual([error.code, sources.map(({ seen }) => seen.length)], ['PLACE_NOT_FOUND', [1, 0]]);
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

describe('a secret that the workload has', () => {
  test('keeps its line when its value is hidden, and the run names it', async () => {
    const { source, run } = stage({ registered: () => [registeredKey('one', '/shared', 'H')] });
    source.set('p', '/shared', 'H', null);
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['one--A', 'one--H'],
    );
    assert.deepEqual(
      problems.map(({ name, code }) => [name, code]),
      [['one--H', 'VALUE_HIDDEN']],
    );
    assert.match(problems[0]?.reason ?? '', /its line stays, and the next start fails until it may be read$/);
  });

  test('is asked for singly when no list has it: it may be there, be hidden, or not be known', async () => {
    const { source, run } = stage({
      registered: () => ['B', 'C', 'D'].map((key) => registeredKey('one', '/shared', key)),
    });
    const list = source.list.bind(source);
    source.list = async (place, options) => (await list(place, options)).filter(({ key }) => key === 'A');
    source.set('p', '/shared', 'B', 'there');
    source.set('p', '/shared', 'C', null);
    source.set('p', '/shared', 'D', 'not reached');
    const get = source.get.bind(source);
    source.get = (ref, signal) =>
      ref.key === 'D'
        ? Promise.reject(new PsiError('PLACE_NOT_FOUND', 'no folder', { hint: 'look' }))
        : get(ref, signal);
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.deepEqual(
      secrets.map(({ name, fetched }) => [name, fetched?.value.exposeText()]),
      [
        ['one--A', '1'],
        ['one--B', 'there'],
        ['one--C', undefined],
        ['one--D', undefined],
      ],
    );
    assert.deepEqual(
      problems.map(({ name, code }) => [name, code]),
      [
        ['one--C', 'VALUE_HIDDEN'],
        ['one--D', 'PLACE_NOT_FOUND'],
      ],
    );
  });

  test('goes only when the provider says that this very one is gone, and the run says so', async () => {
    const { run } = stage({ registered: () => [registeredKey('one', '/shared', 'OLD')] });
    const { secrets, problems, notes } = found((await run(workload('one', {})))[0]);
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['one--A'],
    );
    assert.deepEqual([problems, notes], [[], ['one--OLD: vault says that p:/shared has no OLD any more']]);
  });

  test('is not asked for when the config does not want it any more, or under another name', async () => {
    const registered = ['OLD', 'X_A'].map((key) => registeredKey('one', '/shared', key));
    const { source, run } = stage({ registered: () => registered });
    await run(workload('one', { exclude: ['OLD', 'X_A'] }));
    assert.deepEqual(source.calls, ['list p:/shared']);
  });

  test('stays when there are too many to ask for, and each that was not asked for is named', async () => {
    const registered = Array.from({ length: 503 }, (_, at) => registeredKey('one', '/shared', `K${String(at)}`));
    const { source, run } = stage({ registered: () => registered });
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.equal(source.calls.length, 501);
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['one--A', 'one--K500', 'one--K501', 'one--K502'],
    );
    assert.equal(problems.length, 3);
    assert.match(
      problems[0]?.reason ?? '',
      /^it was not asked for: psi asks singly for 500 secrets at most in one run; its line stays$/,
    );
  });

  test('stays when the provider stops answering, which is then not asked on', async () => {
    const registered = ['B', 'C', 'D', 'E', 'F'].map((key) => registeredKey('one', '/shared', key));
    const { source, run } = stage({ registered: () => registered });
    source.get = (ref, signal) => {
      source.calls.push(`get ${ref.key}`);
      signal.throwIfAborted();
      return Promise.reject(down());
    };
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    const asked = ['list p:/shared', 'get B', 'get C', 'get D'];
    assert.deepEqual([secrets.length, problems.length, source.calls], [6, 5, asked]);
  });

  test('waits a limit out', async () => {
    const { source, clock, events, run } = stage({ registered: () => [registeredKey('one', '/shared', 'B')] });
    const get = source.get.bind(source);
    let limited = false;
    source.get = (ref, signal) => {
      if (limited) return get(ref, signal);
      limited = true;
      return Promise.reject(new PsiError('THROTTLED', 'slow', { retry: 'later', retryAfterMs: 30_000 }));
    };
    const results = run(workload('one', {}));
    await clock.advance(30_000);
    assert.deepEqual(found((await results)[0]).notes, ['one--B: vault says that p:/shared has no B any more']);
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'retrying' ? [event.waitMs] : [])),
      [30_000],
    );
  });
});

describe('a secret that the workload does not have yet', () => {
  test('gets no line while its value is hidden, and is named', async () => {
    const { source, run } = stage();
    source.set('p', '/shared', 'H', null);
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['one--A'],
    );
    assert.match(problems[0]?.reason ?? '', /hides its value; it gets no line$/);
  });
});

test('what is said comes in the order of keys, whatever order the provider lists them in', async () => {
  const { source, run } = stage();
  for (const key of ['Z', 'M', 'B']) source.set('p', '/shared', key, null);
  const { problems } = found((await run(workload('one', {})))[0]);
  assert.deepEqual(
    problems.map(({ name }) => name),
    ['one--B', 'one--M', 'one--Z'],
  );
});

describe('a text that may be a reference', () => {
  const unsettled = (text: string | undefined) => {
    const { source, ...rest } = stage();
    const list = source.list.bind(source);
    source.list = async (place, options) => {
      const [first] = await list(place, options);
      if (first?.fetched === undefined) return [];
      const known = text === undefined ? undefined : { ...first.fetched, literal: true as const };
      return [{ ...first, fetched: known, unsettled: true, from: { environment: 'prod', path: '/shared' } }];
    };
    return { source, ...rest };
  };

  test('is asked for, and named where it is the value', async () => {
    const { source, run } = unsettled(undefined);
    const get = source.get.bind(source);
    source.get = async (ref, signal) => ({ ...(await get(ref, signal)), literal: true });
    const { secrets, notes } = found((await run(workload('one', {})))[0]);
    assert.deepEqual(
      secrets.map(({ fetched }) => fetched?.literal),
      [true],
    );
    assert.deepEqual(notes, ['p:/shared: `${…}` in A refers to nothing: containers get the text as it is']);
  });

  test('is what it was found to be before, while nobody can say', async () => {
    const { source, run } = unsettled('known');
    source.get = () => Promise.reject(down());
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.deepEqual([secrets[0]?.fetched?.value.exposeText(), problems], ['1', []]);
  });

  test('is refused by name, without a line, where the reference may not be read', async () => {
    const { source, run } = unsettled('known');
    source.get = () => Promise.reject(new PsiError('PROVIDER_DENIED', 'it refers to K', { hint: 'give' }));
    const { secrets, problems } = found((await run(workload('one', {})))[0]);
    assert.deepEqual([secrets, problems.map(({ reason }) => reason)], [[], ['it refers to K; it gets no line']]);
  });
});

describe('a source that yields nothing', () => {
  test('is a problem with its two usual causes, unless it may be empty', async () => {
    const { source, run } = stage();
    source.addFolder('p', '/empty');
    const [one, two] = await run(
      workload('one', { path: '/empty' }),
      workload('two', { path: '/empty', allowEmpty: true }),
    );
    const [problem] = found(one).problems;
    assert.deepEqual([problem?.name, found(two).problems], ['p:/empty', []]);
    assert.match(problem?.reason ?? '', /shows no secret there: is the path wrong, or is a right missing\?/);
  });

  test('because of include and exclude is one too', async () => {
    const { run } = stage();
    const [problem] = found((await run(workload('one', { include: ['B*'] })))[0]).problems;
    assert.match(problem?.reason ?? '', /^include and exclude leave nothing of the 1 secrets there$/);
  });
});
