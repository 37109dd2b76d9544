import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { Mapping } from '../../../src/core/mapping.ts';
import { ageOf, type Fetched } from '../../../src/core/fetched.ts';
import type { ListedSecret, Origin, SecretRef, SecretReads } from '../../../src/provider/secret-source.ts';
import { BatchedReader } from '../../../src/lookup/batching.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';

const WINDOW = 2_000;

class Source implements SecretReads {
  readonly values = new Map<string, string>();
  readonly calls: string[] = [];
  readonly asked: (Origin | undefined)[] = [];
  readonly clock = new FakeClock();
  listError: PsiError | undefined;
  getError: PsiError | undefined;
  hidden = new Set<string>();
  hold: Promise<unknown> = Promise.resolve();

  async list(): Promise<readonly ListedSecret[]> {
    this.calls.push('list');
    await this.hold;
    if (this.listError) throw this.listError;
    return [...this.values].map(([key, value]) => ({
      key,
      path: '/myapp',
      fetched: this.hidden.has(key) ? undefined : fetched(value, this.clock),
    }));
  }

  async get(ref: SecretRef): Promise<Fetched> {
    this.calls.push(`get ${ref.key}`);
    this.asked.push(ref.from);
    await this.hold;
    if (this.getError) throw this.getError;
    const value = this.values.get(ref.key);
    if (value === undefined) throw new PsiError('NOT_FOUND', 'no such secret');
    return fetched(value, this.clock);
  }
}

function mapping(key: string): Mapping {
  return { provider: 'infisical', project: 'p', path: '/myapp', key };
}

function stage(
  options: { readonly keys?: readonly string[]; readonly registered?: number; readonly window?: number } = {},
) {
  const source = new Source();
  for (const key of options.keys ?? ['A', 'B', 'C']) source.values.set(key, `value of ${key}`);
  const { clock } = source;
  const reader = new BatchedReader(
    { source, clock, countBeside: () => options.registered ?? source.values.size, known: () => undefined },
    { batchWindowMs: options.window ?? WINDOW },
  );
  const read = async (key: string): Promise<string> => {
    const held = reader.held(mapping(key), undefined)?.fetched;
    return (held ?? (await reader.read(mapping(key), clock.monotonic() + 5_000))).value.exposeText();
  };
  return { source, clock, reader, read };
}

test('serves twenty secrets of one path, asked for one after another, from one listing', async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
  const { source, read } = stage({ keys });
  for (const key of keys) assert.equal(await read(key), `value of ${key}`);
  assert.deepEqual(source.calls, ['list']);
});

test('serves twenty secrets of one path, asked for at once, from one listing', async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
  const { source, read } = stage({ keys });
  await Promise.all(keys.map(read));
  assert.deepEqual(source.calls, ['list']);
});

test('asks by key for the only registered secret of a path', async () => {
  const { source, read } = stage({ registered: 1 });
  await read('A');
  assert.deepEqual(source.calls, ['get A']);
});

test('shares one call among lookups of the same key at the same time', async () => {
  const { source, read } = stage({ registered: 1 });
  await Promise.all([read('A'), read('A'), read('A')]);
  assert.deepEqual(source.calls, ['get A']);
});

test('asks anew when the window has passed and the key was handed out', async () => {
  const { source, clock, read } = stage();
  await read('A');
  source.values.set('A', 'rotated');
  await clock.advance(WINDOW + 1);
  assert.equal(await read('A'), 'rotated');
  assert.deepEqual(source.calls, ['list', 'list']);
});

test('hands a key out once more after the window if the start that asked for its neighbours is still under way', async () => {
  const { source, clock, read } = stage();
  await read('A');
  await clock.advance(WINDOW + 1);
  await read('B');
  await read('C');
  assert.deepEqual(source.calls, ['list']);
  await read('B');
  assert.deepEqual(source.calls, ['list', 'list']);
});

test('holds no value for longer than a start takes', async () => {
  const { source, clock, read } = stage();
  await read('A');
  await clock.advance(WINDOW * 15 + 1);
  await read('B');
  assert.deepEqual(source.calls, ['list', 'list']);
});

test('asks for each key by itself when the window is 0', async () => {
  const { source, read } = stage({ window: 0 });
  await read('A');
  await read('A');
  await read('B');
  assert.deepEqual(source.calls, ['get A', 'get A', 'get B']);
});

test('falls back to single reads where listing is refused, and remembers', async () => {
  const { source, read } = stage();
  source.listError = new PsiError('PROVIDER_DENIED', 'no list');
  assert.equal(await read('A'), 'value of A');
  assert.equal(await read('B'), 'value of B');
  assert.deepEqual(source.calls, ['list', 'get A', 'get B']);
});

test('tries listing again after a while, since a permission may have been granted', async () => {
  const { source, clock, read } = stage();
  source.listError = new PsiError('PROVIDER_DENIED', 'no list');
  await read('A');
  source.listError = undefined;
  await clock.advance(5 * 60_000 + 1);
  await read('B');
  assert.deepEqual(source.calls, ['list', 'get A', 'list']);
});

test('never caches a failure', async () => {
  const { source, read } = stage();
  source.listError = new PsiError('PROVIDER_DOWN', 'down', { retry: 'later' });
  await assert.rejects(read('A'), { code: 'PROVIDER_DOWN' });
  source.listError = undefined;
  assert.equal(await read('A'), 'value of A');
});

test('remembers for the window that a secret does not exist', async () => {
  const { source, clock, read } = stage({ registered: 1 });
  await assert.rejects(read('X'), { code: 'NOT_FOUND' });
  await assert.rejects(read('X'), { code: 'NOT_FOUND' });
  assert.deepEqual(source.calls, ['get X']);
  source.values.set('X', 'made meanwhile');
  await clock.advance(WINDOW + 1);
  assert.equal(await read('X'), 'made meanwhile');
});

test('remembers for the window that a folder does not exist', async () => {
  const { source, read } = stage();
  source.listError = new PsiError('PLACE_NOT_FOUND', 'no such folder');
  await assert.rejects(read('A'), { code: 'PLACE_NOT_FOUND' });
  await assert.rejects(read('B'), { code: 'PLACE_NOT_FOUND' });
  assert.deepEqual(source.calls, ['list']);
});

test('asks for a key that a listing does not hold by itself, once in the window: it may be hidden, or gone', async () => {
  const { source, read } = stage();
  await assert.rejects(read('X'), { code: 'NOT_FOUND' });
  await assert.rejects(read('X'), { code: 'NOT_FOUND' });
  assert.deepEqual(source.calls, ['list', 'get X']);
});

test('asks by itself for what may be a reference, where it lives, and hands the answer out within the window', async () => {
  const { source, read } = stage();
  const list = source.list.bind(source);
  const from = { environment: 'prod', path: '/shared' };
  source.list = async () =>
    (await list()).map((secret) =>
      secret.key === 'A' ? { ...secret, fetched: undefined, unsettled: true as const, from } : secret,
    );
  assert.equal(await read('B'), 'value of B');
  assert.equal(await read('A'), 'value of A');
  assert.equal(await read('A'), 'value of A');
  assert.deepEqual([source.calls, source.asked], [['list', 'get A'], [from]]);
});

test('takes what an earlier read said of such a text', async () => {
  const { source, clock, read } = stage();
  source.list = () => Promise.resolve([{ key: 'A', path: '/myapp', fetched: fetched('text', clock), unsettled: true }]);
  assert.equal(await read('A'), 'text');
  assert.deepEqual(source.calls, []);
});

test('refuses a hidden value instead of handing out a placeholder', async () => {
  const { source, read } = stage();
  source.hidden.add('A');
  await assert.rejects(read('A'), { code: 'VALUE_HIDDEN' });
  assert.equal(await read('B'), 'value of B');
});

test('gives up on a provider that never answers when the time is up', async () => {
  const { source, clock, read } = stage();
  source.hold = new Promise(() => undefined);
  const lookup = read('A');
  await clock.untilSleeping();
  const failed = assert.rejects(lookup, { code: 'DEADLINE' });
  await clock.advance(5_000);
  await failed;
});

test('hands an empty value out as a value', async () => {
  const { source, read } = stage();
  source.values.set('A', '');
  assert.equal(await read('A'), '');
});

test('holds nothing back when it is closed: no value, and no timer that would keep the process alive', async () => {
  const { source, clock, reader, read } = stage();
  await read('A');
  reader.close();
  assert.equal(clock.sleeping, 0);
  await read('B');
  assert.deepEqual(source.calls, ['list', 'list']);
});

test('a start that Podman stretches over a minute is served from one listing', async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
  const { source, clock, read } = stage({ keys });
  for (const key of keys) {
    assert.equal(await read(key), `value of ${key}`);
    await clock.advance(3_000);
  }
  assert.deepEqual(source.calls, ['list']);
});

test('no listing is handed out for longer than five minutes, however slow the start is', async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `K${String(index)}`);
  const { source, clock, read } = stage({ keys });
  for (const key of keys.slice(0, 20)) {
    await read(key);
    await clock.advance(15_000);
  }
  await clock.advance(1);
  await read('K20');
  assert.deepEqual(source.calls, ['list', 'list']);
});

test('a listing that a newer one replaced is not kept by its timer, and one place has one timer', async () => {
  const { source, clock, read } = stage();
  for (let index = 0; index < 5; index += 1) {
    await read('A');
    await clock.advance(WINDOW + 1);
  }
  assert.deepEqual([source.calls.length, clock.sleeping], [5, 1]);
  await clock.advance(WINDOW * 15);
  assert.equal(clock.sleeping, 0);
});

test('hands a listing out with the age it has, and as live only while the window lasts', async () => {
  const { clock, reader, read } = stage();
  await read('A');
  await clock.advance(1_500);
  const within = reader.held(mapping('B'), undefined);
  assert.deepEqual([within?.live, within && ageOf(within.fetched, clock)], [true, 1_500]);
  await clock.advance(10_000);
  const later = reader.held(mapping('C'), undefined);
  assert.deepEqual([later?.live, later && ageOf(later.fetched, clock)], [false, 11_500]);
});

test('does not hand out a listing that is older than what is known already', async () => {
  const { clock, reader, read } = stage();
  await read('A');
  await clock.advance(1_000);
  assert.equal(reader.held(mapping('B'), fetched('newer', clock)), undefined);
  assert.equal(
    reader.held(mapping('B'), { fetchedAt: clock.now(), tick: undefined })?.fetched.value.exposeText(),
    'value of B',
  );
});

test('a lookup has one bound, also where a listing that is refused is followed by a single read', async () => {
  const { source, clock, read } = stage();
  source.listError = new PsiError('PROVIDER_DENIED', 'no listing');
  const gate = Promise.withResolvers<undefined>();
  source.hold = gate.promise;
  const outcome = assert.rejects(read('A'), { code: 'DEADLINE' });
  await clock.advance(3_000);
  gate.resolve(undefined);
  source.hold = new Promise(() => undefined);
  await clock.advance(2_000);
  await outcome;
});

test('does not hand out a listing past the age that the caller keeps to, nor believe it that a secret is missing', async () => {
  const { clock, reader, read } = stage();
  await read('A');
  await clock.advance(1_500);
  assert.equal(reader.held(mapping('B'), undefined, 1_000), undefined);
  assert.equal(reader.held(mapping('SINCE'), fetched('newer', clock)), undefined);
  assert.equal(reader.held(mapping('SINCE'), undefined), undefined);
});

test('asks by key where the listing is too large, and does not fetch it again for a while', async () => {
  const { source, clock, read } = stage();
  source.listError = new PsiError('ANSWER_TOO_LARGE', 'the folder p:/myapp is larger than 64 MB');
  assert.equal(await read('A'), 'value of A');
  assert.equal(await read('B'), 'value of B');
  assert.deepEqual(source.calls, ['list', 'get A', 'get B']);
  await clock.advance(5 * 60_000 + 1);
  await read('C');
  assert.deepEqual(source.calls.slice(3), ['list', 'get C']);
});

test('asks by key where others had the room, and lists again for the next one', async () => {
  const { source, read } = stage();
  source.listError = new PsiError('ANSWER_TOO_LARGE', 'given up', { retry: 'later' });
  await read('A');
  source.listError = undefined;
  await read('B');
  assert.deepEqual(source.calls, ['list', 'get A', 'list']);
});
