// The import on fakes: what becomes of each key, what a second run does, and what it exits with.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { PsiError } from '../../../../src/core/error.ts';
import type { ImportEntry, RefusedEntry } from '../../../../src/transfer/import/entry.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { importSecrets } from '../../../../src/transfer/import/secrets.ts';
import type { Conflict, ImportEvent, ImportReport } from '../../../../src/transfer/import/report.ts';
import { FakeClock } from '../../../fakes/clock.fake.ts';
import { FakeSecretSource } from '../../../fakes/secret-source.fake.ts';
import { FakeSecretWriter } from '../../../fakes/secret-writer.fake.ts';
import { INFISICAL_WORDS } from '../../../../src/adapters/infisical/provider-words.ts';

const PLACE = { project: 'main', path: '/app' };

let source: FakeSecretSource;
let writer: FakeSecretWriter;
let clock: FakeClock;
let events: ImportEvent[];
beforeEach(() => {
  source = new FakeSecretSource();
  writer = new FakeSecretWriter(source);
  clock = new FakeClock();
  events = [];
});

function entries(values: Readonly<Record<string, string>>): readonly ImportEntry[] {
  return Object.entries(values).map(([key, value], line) => {
    return { key, value: SecretValue.fromText(value), from: `app.env:${String(line + 1)}` };
  });
}

type Options = { conflict?: Conflict; dryRun?: boolean; refused?: readonly RefusedEntry[] };

function run(found: readonly ImportEntry[], options: Options = {}): Promise<ImportReport> {
  const { conflict = 'fail', dryRun = false, refused = [] } = options;
  const request = { place: PLACE, found: { entries: found, refused }, conflict, dryRun };
  return importSecrets({ source, writer, words: INFISICAL_WORDS, clock }, request, (event) => events.push(event));
}

function outcomes({ results }: ImportReport): Readonly<Record<string, string>> {
  return Object.fromEntries(results.map(({ key, outcome }) => [String(key), outcome]));
}

const stored = (key: string): string | null | undefined => source.projects.get('main')?.get('/app')?.get(key);

describe('what is there already', () => {
  beforeEach(() => {
    source.set('main', '/app', 'OLD', 'old value');
  });

  test('fail writes nothing at all', async () => {
    const report = await run(entries({ NEW: 'new', OLD: 'other' }));
    assert.deepEqual(outcomes(report), { NEW: 'untried', OLD: 'failed' });
    assert.equal(report.failure?.code, 'CONFLICT');
    assert.equal(report.exit, 73);
    assert.deepEqual(writer.calls, []);
  });

  test('skip leaves it alone and writes the rest', async () => {
    const report = await run(entries({ NEW: 'new', OLD: 'other' }), { conflict: 'skip' });
    assert.deepEqual(outcomes(report), { NEW: 'created', OLD: 'skipped' });
    assert.equal(report.exit, 0);
    assert.equal(stored('OLD'), 'old value');
    assert.equal(stored('NEW'), 'new');
  });

  test('overwrite gives it the new value', async () => {
    const report = await run(entries({ NEW: 'new', OLD: 'other' }), { conflict: 'overwrite' });
    assert.deepEqual(outcomes(report), { NEW: 'created', OLD: 'overwritten' });
    assert.equal(stored('OLD'), 'other');
  });
});

test('a folder that is not there is made first', async () => {
  const report = await run(entries({ A: '1' }));
  assert.deepEqual(writer.calls, ['folder main:/app', 'create A']);
  assert.equal(report.exit, 0);
});

test('an import of nothing asks for no folder', async () => {
  assert.equal((await run([])).exit, 0);
  assert.deepEqual(writer.calls, []);
});

for (const conflict of ['skip', 'overwrite'] as const) {
  test(`a dry run with ${conflict} says what would be done and does nothing`, async () => {
    source.set('main', '/app', 'OLD', 'old value');
    const report = await run(entries({ NEW: 'new', OLD: 'other' }), { conflict, dryRun: true });
    assert.deepEqual(outcomes(report), { NEW: 'created', OLD: conflict === 'skip' ? 'skipped' : 'overwritten' });
    assert.equal(report.dryRun, true);
    assert.deepEqual(writer.calls, []);
  });
}

test('what the reader or the writer refuses is named with its reason, and the rest is written', async () => {
  writer.objections.set('BAD', { kind: 'refuse', reason: 'it would be trimmed', hint: 'encode it' });
  const unreadable = { key: undefined, from: 'app.env:9', reason: 'it is no KEY=VALUE', hint: 'mend it' };
  const report = await run(entries({ BAD: ' x', GOOD: 'x' }), { refused: [unreadable] });
  assert.deepEqual(
    report.results.map(({ key, from, outcome, reason }) => [key, from, outcome, reason]),
    [
      ['BAD', 'app.env:1', 'refused', 'it would be trimmed'],
      ['GOOD', 'app.env:2', 'created', null],
      [null, 'app.env:9', 'refused', 'it is no KEY=VALUE'],
    ],
  );
  assert.equal(report.exit, 1);
});

test('a warning does not keep a key from being written', async () => {
  writer.objections.set('URL', { kind: 'warn', reason: 'it looks like a reference', hint: 'is it meant?' });
  const [entry] = entries({ URL: 'x' });
  assert.ok(entry);
  const report = await run([{ ...entry, note: 'a comment follows' }]);
  assert.deepEqual(report.results[0]?.notes, ['a comment follows', 'it looks like a reference; is it meant?']);
  assert.equal(report.exit, 0);
});

test('a key that comes twice is refused where its values differ, and written once where they do not', async () => {
  const twice = [...entries({ SAME: 'x', OTHER: 'x' }), ...entries({ SAME: 'x', OTHER: 'y' })];
  const report = await run(twice);
  assert.deepEqual(
    report.results.map(({ key, outcome }) => [key, outcome]),
    [
      ['SAME', 'created'],
      ['OTHER', 'refused'],
      ['SAME', 'skipped'],
      ['OTHER', 'refused'],
    ],
  );
  assert.deepEqual(writer.calls, ['folder main:/app', 'create SAME']);
});

test('a change request is told apart from a write, and does not end as success', async () => {
  writer.approval = 'request-1';
  const report = await run(entries({ A: '1', B: '2' }));
  assert.deepEqual(outcomes(report), { A: 'approval', B: 'approval' });
  assert.match(report.results[0]?.reason ?? '', /request-1/);
  assert.equal(report.exit, 75);
});

test('one secret that the server does not take is found in its batch, and the others are written', async () => {
  writer.notTaken.add('K5');
  const found = entries(Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`K${String(at)}`, 'x'])));
  const report = await run(found);
  assert.equal(outcomes(report)['K5'], 'refused');
  assert.equal(Object.values(outcomes(report)).filter((outcome) => outcome === 'created').length, 7);
  assert.equal(report.exit, 1);
});

describe('values that refer to other secrets, where those have to be there', () => {
  beforeEach(() => {
    writer.strict = true;
    source.addFolder('main', '/app');
  });

  test('are written after what they refer to, chains in their order', async () => {
    const report = await run(entries({ URL: 'pg://${HOST}', HOST: '${NAME}.local', PLAIN: 'x', NAME: 'db' }));
    assert.equal(report.exit, 0);
    assert.deepEqual(writer.calls.slice(1), ['create PLAIN NAME', 'create HOST', 'create URL']);
  });

  test('are refused by name where that is missing, and the rest is written', async () => {
    const report = await run(entries({ A: '1', BAD: '${NOPE}', SELF: '${SELF}', GOOD: '${A}', NEXT: '${BAD}' }));
    assert.deepEqual(outcomes(report), {
      A: 'created',
      BAD: 'refused',
      SELF: 'refused',
      GOOD: 'created',
      NEXT: 'refused',
    });
    const bad = report.results.find(({ key }) => key === 'BAD');
    assert.deepEqual([bad?.reason, bad?.hint], ['BAD refers to nothing', 'make it first']);
    assert.deepEqual([report.exit, report.failure], [1, null]);
  });

  test('may refer to what is there, and to what another one of the import overwrites', async () => {
    source.set('main', '/app', 'OLD', 'old');
    const report = await run(entries({ NEW: '${OLD}', OLD: '${NEW}' }), { conflict: 'overwrite' });
    assert.deepEqual(outcomes(report), { NEW: 'created', OLD: 'overwritten' });
  });
});

describe('a server that fails on a value', () => {
  beforeEach(() => {
    source.addFolder('main', '/app');
    writer.failsOn.add('BAD');
  });

  test('has written nothing of the batch: the others are, and the one is named', async () => {
    const report = await run(entries({ A: '1', BAD: '2', C: '3' }));
    assert.deepEqual(outcomes(report), { A: 'created', BAD: 'failed', C: 'created' });
    const bad = report.results.find(({ key }) => key === 'BAD');
    assert.deepEqual([bad?.reason, bad?.hint], ['it failed on BAD', 'make the folder']);
    assert.deepEqual([report.exit, report.failure], [1, null]);
  });

  test('has written the batch all the same: it is listed, said, and not written again', async () => {
    writer.failsLate = true;
    const report = await run(entries({ A: '1', BAD: '2' }));
    assert.deepEqual(outcomes(report), { A: 'created', BAD: 'created' });
    assert.deepEqual(report.results[0]?.notes, ['it failed on BAD; it is listed now']);
    assert.deepEqual(writer.calls.slice(1), ['create A BAD']);
    assert.equal(report.exit, 0);
  });

  test('and cannot be listed then ends the run', async () => {
    source.failNextAfter(1, new PsiError('PROVIDER_DENIED', 'no right any more'));
    const report = await run(entries({ A: '1', BAD: '2' }));
    assert.equal(report.failure?.code, 'PROVIDER_DENIED');
    assert.deepEqual(outcomes(report), { A: 'failed', BAD: 'failed' });
    assert.match(report.results[0]?.reason ?? '', /it may have been written/);
  });

  test('over an overwrite is not known to have written it', async () => {
    source.set('main', '/app', 'BAD', 'old');
    source.set('main', '/app', 'A', 'old');
    const report = await run(entries({ A: '1', BAD: '2' }), { conflict: 'overwrite' });
    assert.deepEqual(outcomes(report), { A: 'overwritten', BAD: 'failed' });
    const bad = report.results.find(({ key }) => key === 'BAD');
    assert.deepEqual([bad?.reason, bad?.hint], ['it failed on BAD; it may have been written', 'make the folder']);
  });
});

test('a failure in the middle leaves a report, and the same import with skip does the rest', async () => {
  writer.batchSize = 1;
  writer.failNext(undefined, undefined, new PsiError('PROVIDER_DOWN', 'infisical is away', { hint: 'wait' }));
  const found = entries({ A: '1', B: '2', C: '3' });
  const report = await run(found);
  assert.deepEqual(outcomes(report), { A: 'created', B: 'failed', C: 'untried' });
  assert.match(report.results[1]?.reason ?? '', /it may have been written/);
  assert.match(report.results[1]?.hint ?? '', /--conflict skip/);
  assert.equal(report.failure?.code, 'PROVIDER_DOWN');
  assert.equal(report.exit, 69);
  const again = await run(found, { conflict: 'skip' });
  assert.deepEqual(outcomes(again), { A: 'skipped', B: 'created', C: 'created' });
});

test('a failure in the middle of an overwrite is repeated as it was: skip would leave the rest as it is', async () => {
  source.set('main', '/app', 'A', 'old');
  writer.failNext(new PsiError('PROVIDER_DOWN', 'infisical is away'));
  const report = await run(entries({ A: '1' }), { conflict: 'overwrite' });
  assert.match(report.results[0]?.hint ?? '', /^run the same import again: what is written already/);
});

test('a limit is waited out for as long as it asks, and then the batch is written', async () => {
  writer.failNext(undefined, new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 30_000 }));
  const running = run(entries({ A: '1' }));
  // One sleep is the bound of a call that has failed by then; the wait is the other.
  await clock.untilSleeping();
  while (!events.some(({ event }) => event === 'waiting')) await clock.advance(0);
  await clock.advance(29_999);
  assert.deepEqual(writer.calls, ['folder main:/app', 'create A']);
  await clock.advance(1);
  assert.deepEqual(outcomes(await running), { A: 'created' });
});

for (const [what, calls] of [
  ['the first listing', 0],
  ['the listing afterwards', 1],
] as const) {
  test(`a limit on ${what} is waited out, and said`, async () => {
    source.failNextAfter(calls, new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 30_000 }));
    const running = run(entries({ A: '1' }));
    while (!events.some(({ event }) => event === 'waiting')) await clock.advance(0);
    assert.deepEqual(
      events.filter(({ event }) => event === 'waiting'),
      [{ event: 'waiting', message: 'slow down', waitMs: 30_000 }],
    );
    await clock.advance(30_000);
    const report = await running;
    assert.deepEqual([outcomes(report), report.exit], [{ A: 'created' }, 0]);
  });
}

test('a limit that stays on the listing afterwards says that all was taken', async () => {
  const limit = new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 3_600_000 });
  source.failNextAfter(1, limit);
  const report = await run(entries({ A: '1' }));
  assert.deepEqual(outcomes(report), { A: 'created' });
  assert.match(
    report.failure?.message ?? '',
    /^the server took it all, and what is there now could not be listed: slow/,
  );
  assert.equal(report.exit, 75);
});

test('a limit that stays ends the run with the status for trying later', async () => {
  const limit = new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 3_600_000 });
  writer.failNext(limit);
  const report = await run(entries({ A: '1' }));
  assert.equal(report.exit, 75);
  assert.deepEqual(outcomes(report), { A: 'untried' });
});

test('what the server takes and does not list is no success', async () => {
  writer.lost.add('A');
  const report = await run(entries({ A: '1', B: '2' }));
  assert.deepEqual(outcomes(report), { A: 'failed', B: 'created' });
  assert.equal(report.exit, 1);
});

test('a value that the server keeps otherwise is no success', async () => {
  writer.altered.add('B');
  const report = await run(entries({ A: '1', B: '2' }));
  assert.deepEqual(outcomes(report), { A: 'created', B: 'failed' });
});

test('a server that cannot be listed ends the import before anything is written', async () => {
  source.failNext(new PsiError('PROVIDER_DENIED', 'no right'));
  await assert.rejects(run(entries({ A: '1' })), { code: 'PROVIDER_DENIED' });
  assert.deepEqual(writer.calls, []);
});

test('no report and no event holds a value', async () => {
  const value = 'canary-value-4711';
  writer.notTaken.add('BAD');
  const report = await run(entries({ BAD: value, GOOD: value }));
  assert.ok(!JSON.stringify([report, events]).includes(value));
});
