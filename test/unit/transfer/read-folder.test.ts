import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { Fetched } from '../../../src/core/fetched.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { readFolder, type Reading } from '../../../src/transfer/read-folder.ts';
import type { ListedSecret, SecretRef, SecretReads } from '../../../src/provider/secret-source.ts';

const PLACE = { project: 'main', path: '/app' };
const HIDDEN = new PsiError('VALUE_HIDDEN', 'hidden');
const DENIED = new PsiError('PROVIDER_DENIED', 'it refers to what may not be read');
const GONE = new PsiError('NOT_FOUND', 'gone meanwhile');
const DOWN = new PsiError('PROVIDER_DOWN', 'no answer');
const LIMITED = new PsiError('THROTTLED', 'limits requests');

function fetched(text: string, literal?: true): Fetched {
  const value = SecretValue.fromText(text);
  return { value, fetchedAt: 0, tick: 0, version: undefined, ...(literal && { literal }) };
}

type Answers = {
  /** Of a list with values. */
  readonly values: readonly ListedSecret[] | PsiError;
  readonly names?: readonly string[] | PsiError;
  readonly singles?: (key: string) => Fetched | PsiError;
};

function sourceOf({ values, names = [], singles }: Answers): {
  readonly source: SecretReads;
  readonly calls: string[];
  readonly refs: SecretRef[];
} {
  const [calls, refs]: [string[], SecretRef[]] = [[], []];
  const orThrow = <T>(answer: T | PsiError): T => {
    if (answer instanceof PsiError) throw answer;
    return answer;
  };
  const source: SecretReads = {
    list: (place, options) => {
      calls.push(options.values ? `values${options.everyName ? ' and names' : ''}` : 'names');
      if (options.values) return Promise.resolve().then(() => orThrow(values));
      return Promise.resolve().then(() => orThrow(names).map((key) => ({ key, path: place.path, fetched: undefined })));
    },
    get: (ref) => {
      calls.push(`get ${ref.key}`);
      refs.push(ref);
      return Promise.resolve().then(() => orThrow(singles?.(ref.key) ?? assert.fail(`${ref.key} is not asked for`)));
    },
  };
  return { source, calls, refs };
}

async function read(answers: Answers, callMs = 0) {
  const stage = sourceOf(answers);
  const clock = new FakeClock();
  const told: string[] = [];
  const secrets = await readFolder(
    {
      source: stage.source,
      clock,
      call: async (_what, work) => {
        await clock.advance(callMs);
        return work(new AbortController().signal);
      },
      onSingle: (done, total) => told.push(`${String(done)}/${String(total)}`),
    },
    PLACE,
    { recursive: false },
  );
  return { ...stage, told, secrets, shown: secrets.map(({ key, reading }) => [key, ...shown(reading)]) };
}

function shown(reading: Reading): readonly unknown[] {
  if (reading.kind === 'value') return [reading.fetched.value.exposeText(), reading.fetched.literal ?? false];
  return reading.kind === 'hidden' ? ['hidden'] : [reading.kind, reading.error.message];
}

describe('a list with values', () => {
  test('is all there is to ask, in byte order', async () => {
    const keys = ['b', 'B', 'a', '\u{1f511}', '\uff21', '10', '9'];
    const { shown, calls, told } = await read({
      values: keys.map((key) => ({ key, path: '/app', fetched: fetched(key) })),
    });
    assert.deepEqual(
      shown.map(([key]) => key),
      ['10', '9', 'B', 'a', 'b', '\uff21', '\u{1f511}'],
    );
    assert.deepEqual([calls, told], [['values and names'], []]);
  });

  test('without a value: hidden; unsettled: asked for, where it lives, unless it was told before', async () => {
    const from = { environment: 'prod', path: '/shared' };
    const { shown, calls, refs, told } = await read({
      values: [
        { key: 'HIDDEN', path: '/app', fetched: undefined },
        { key: 'LITERAL', path: '/app', fetched: undefined, unsettled: true, from },
        { key: 'REFUSED', path: '/app', fetched: undefined, unsettled: true },
        { key: 'TOLD', path: '/app', fetched: fetched('${x}', true), unsettled: true },
        { key: 'ELSEWHERE', path: '/app', fetched: undefined, objection: { reason: 'elsewhere', hint: 'name it' } },
        { key: 'PLAIN', path: '/app', fetched: fetched('plain') },
      ],
      singles: (key) => (key === 'LITERAL' ? fetched('${x}', true) : DENIED),
    });
    assert.deepEqual(shown, [
      ['ELSEWHERE', 'refused', 'elsewhere'],
      ['HIDDEN', 'hidden'],
      ['LITERAL', '${x}', true],
      ['PLAIN', 'plain', false],
      ['REFUSED', 'refused', DENIED.message],
      ['TOLD', '${x}', true],
    ]);
    assert.deepEqual(calls, ['values and names', 'get LITERAL', 'get REFUSED']);
    assert.deepEqual(refs[0], { ...PLACE, key: 'LITERAL', from });
    assert.deepEqual(told, ['0/2', '1/2']);
  });

  test('that fails for another reason than a refusal is the failure', async () => {
    await assert.rejects(read({ values: DOWN, names: ['A'] }), DOWN);
    await assert.rejects(read({ values: GONE, names: ['A'] }), GONE);
  });
});

describe('where values may not be listed', () => {
  test('each name is asked for by itself, and says for itself why it has no value', async () => {
    const answers: Readonly<Record<string, Fetched | PsiError>> = { A: fetched('a'), B: HIDDEN, C: DENIED, D: GONE };
    const { shown, calls } = await read({
      values: DENIED,
      names: ['D', 'C', 'B', 'A'],
      singles: (key) => answers[key] ?? DOWN,
    });
    assert.deepEqual(shown, [
      ['A', 'a', false],
      ['B', 'hidden'],
      ['C', 'refused', DENIED.message],
      ['D', 'not known', GONE.message],
    ]);
    assert.deepEqual(calls.slice(0, 2), ['values and names', 'names']);
  });

  test('names that may not be listed either are a failure', async () => {
    const refused = new PsiError('PROVIDER_DENIED', 'not even names');
    await assert.rejects(read({ values: DENIED, names: refused }), refused);
  });

  test('a limit that does not end, or three failures in a row, end the asking; nothing is silently left out', async () => {
    const names = ['A', 'B', 'C', 'D', 'E', 'F'];
    const limited = await read({ values: DENIED, names, singles: (key) => (key === 'B' ? LIMITED : fetched(key)) });
    assert.deepEqual(limited.calls.slice(2), ['get A', 'get B']);
    assert.deepEqual(
      limited.shown.slice(1),
      ['B', 'C', 'D', 'E', 'F'].map((key) => [key, 'not known', LIMITED.message]),
    );
    const down = await read({ values: DENIED, names, singles: (key) => (key === 'C' ? DENIED : DOWN) });
    assert.deepEqual(down.calls.slice(2), ['get A', 'get B', 'get C', 'get D', 'get E', 'get F']);
    const dead = await read({ values: DENIED, names, singles: () => DOWN });
    assert.deepEqual(dead.calls.slice(2), ['get A', 'get B', 'get C']);
    assert.equal(dead.shown.length, 6);
  });

  test('500 are asked for at most, and the others are named', async () => {
    const names = Array.from({ length: 503 }, (_, index) => `K${String(index).padStart(3, '0')}`);
    const { calls, shown } = await read({ values: DENIED, names, singles: fetched });
    assert.equal(calls.length, 502);
    assert.deepEqual(
      shown.filter(([, kind]) => kind === 'not known').map(([key]) => key),
      ['K500', 'K501', 'K502'],
    );
  });

  test('a quarter of an hour is asked at most', async () => {
    const names = ['A', 'B', 'C', 'D', 'E'];
    const { calls, shown } = await read({ values: DENIED, names, singles: fetched }, 5 * 60_000);
    assert.deepEqual(calls.slice(2), ['get A', 'get B', 'get C']);
    assert.deepEqual(shown[4], [
      'E',
      'not known',
      'it was not asked for: psi asks singly for 15 minutes at most in one run',
    ]);
  });

  test('a bug is no missing value', async () => {
    const bug = new PsiError('INTERNAL', 'this cannot be');
    await assert.rejects(read({ values: DENIED, names: ['A'], singles: () => bug }), bug);
  });
});
