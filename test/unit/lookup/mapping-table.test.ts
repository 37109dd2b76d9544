import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mapping, StoredMapping } from '../../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../../src/core/naming.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { FakeMappingStore, placed } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

const ID = secretId('d0a530acce22815a7778d156f');
const OTHER = secretId('aa11');
const mapping = (key: string): Mapping => ({ provider: 'infisical', project: 'p', path: '/', key });

/** A store whose writes come through in the order in which they are let. */
class SlowStore extends FakeMappingStore {
  readonly waiting: (() => void)[] = [];

  override async put(id: SecretId, to: StoredMapping): Promise<void> {
    await this.#turn();
    await super.put(id, to);
  }

  override async remove(id: SecretId): Promise<void> {
    await this.#turn();
    await super.remove(id);
  }

  override async read(id: SecretId): ReturnType<FakeMappingStore['read']> {
    const found = await super.read(id);
    await this.#turn();
    return found;
  }

  override async loadAll(): ReturnType<FakeMappingStore['loadAll']> {
    const found = await super.loadAll();
    await this.#turn();
    return found;
  }

  #turn(): Promise<void> {
    return new Promise((done) => this.waiting.push(done));
  }
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

type Ask = { readonly kind: 'put'; readonly key: string } | { readonly kind: 'remove' };
const asks = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key: fc.constantFrom('A', 'B', 'C') }),
    fc.record({ kind: fc.constant('remove' as const) }),
  ),
  { minLength: 2, maxLength: 6 },
);

test('of several stores and deletes of one id at once, the one that was answered last is on disk and in memory', async () => {
  await fc.assert(
    fc.asyncProperty(asks, fc.infiniteStream(fc.nat(5)), async (wanted, picks) => {
      const store = new SlowStore();
      const table = await MappingTable.load(store, new FakeNameStore());
      const answered: Ask[] = [];
      const calls = wanted.map((ask) =>
        (ask.kind === 'put' ? table.put(ID, mapping(ask.key)) : table.remove(ID)).then(() => answered.push(ask)),
      );
      await settled();
      while (store.waiting.length > 0) {
        const pick = Number(picks.next().value) % store.waiting.length;
        store.waiting.splice(pick, 1)[0]?.();
        await settled();
      }
      await Promise.all(calls);
      const last = answered.at(-1);
      const expected = last?.kind === 'put' ? mapping(last.key) : undefined;
      assert.deepEqual([table.get(ID), store.files.get(ID)], [expected, expected]);
    }),
    { numRuns: 200 },
  );
});

test('a start reads no file; whoever asks for one has it read, and a place counts as shared as long as others are unread', async () => {
  const store = new FakeMappingStore();
  store.files.set(ID, mapping('A')).set(OTHER, { ...mapping('B'), path: '/other' });
  store.foreign.add('bb22');
  const table = await MappingTable.begin(store, new FakeNameStore());
  assert.deepEqual([table.get(ID), table.size, table.ids()], [undefined, 3, [OTHER, 'bb22', ID]]);
  await table.reading(ID);
  assert.deepEqual([table.get(ID), table.get(OTHER), table.countBeside(mapping('A'))], [mapping('A'), undefined, 2]);
  assert.equal(table.reading(ID), undefined);
  assert.equal(table.reading('../etc'), undefined);
  await table.reading('bb22');
  assert.match(table.whyMissing('bb22')?.message ?? '', /no mapping/);
  await table.readRest();
  assert.deepEqual([table.placeOf(OTHER)?.key, table.size, table.countBeside(mapping('A'))], ['B', 2, 1]);
  assert.equal(table.problems().length, 1);
});

test('what is read late never takes the place of a store or a delete that came meanwhile', async () => {
  const late = fc.constantFrom('put', 'remove', 'read', 'rest');
  await fc.assert(
    fc.asyncProperty(
      fc.array(late, { minLength: 2, maxLength: 6 }),
      fc.infiniteStream(fc.nat(5)),
      async (wanted, picks) => {
        const store = new SlowStore();
        store.files.set(ID, mapping('OLD'));
        const table = await MappingTable.begin(store, new FakeNameStore());
        const calls = wanted.map(async (ask, index) => {
          if (ask === 'put') return table.put(ID, mapping(`K${String(index)}`));
          if (ask === 'remove') return table.remove(ID);
          return ask === 'read' ? table.reading(ID) : table.readRest();
        });
        await settled();
        while (store.waiting.length > 0) {
          const pick = Number(picks.next().value) % store.waiting.length;
          store.waiting.splice(pick, 1)[0]?.();
          await settled();
        }
        await Promise.all(calls);
        const last = table.reading(ID);
        for (const go of store.waiting.splice(0)) go();
        await last;
        assert.deepEqual(table.get(ID), store.files.get(ID));
      },
    ),
    { numRuns: 300 },
  );
});

test('another id does not wait', async () => {
  const store = new SlowStore();
  const table = await MappingTable.load(store, new FakeNameStore());
  const first = table.put(ID, mapping('A'));
  const second = table.put(OTHER, mapping('B'));
  await settled();
  store.waiting.pop()?.();
  await second;
  assert.deepEqual([table.placeOf(OTHER)?.key, table.get(ID)], ['B', undefined]);
  store.waiting.pop()?.();
  await first;
});

test('an equal mapping is written, and a file that was lost is told and written again', async () => {
  const store = new FakeMappingStore();
  const names = new FakeNameStore();
  const table = await MappingTable.load(store, names);
  await table.put(ID, mapping('A'));
  await table.put(OTHER, mapping('B'));
  assert.deepEqual(await table.lost(), []);
  store.files.clear();
  await table.put(ID, mapping('A'));
  assert.deepEqual([...store.files.keys()], [ID]);
  assert.deepEqual(await table.lost(), [OTHER]);
  await table.writeAgain(await table.lost());
  assert.deepEqual([await table.lost(), placed(store.files.get(OTHER))?.key], [[], 'B']);
});
