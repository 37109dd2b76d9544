import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mapping } from '../../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../../src/core/naming.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

const ID = secretId('d0a530acce22815a7778d156f');
const OTHER = secretId('aa11');
const mapping = (key: string): Mapping => ({ provider: 'infisical', project: 'p', path: '/', key });

/** A store whose writes come through in the order in which they are let. */
class SlowStore extends FakeMappingStore {
  readonly waiting: (() => void)[] = [];

  override async put(id: SecretId, to: Mapping): Promise<void> {
    await this.#turn();
    await super.put(id, to);
  }

  override async remove(id: SecretId): Promise<void> {
    await this.#turn();
    await super.remove(id);
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

test('another id does not wait', async () => {
  const store = new SlowStore();
  const table = await MappingTable.load(store, new FakeNameStore());
  const first = table.put(ID, mapping('A'));
  const second = table.put(OTHER, mapping('B'));
  await settled();
  store.waiting.pop()?.();
  await second;
  assert.deepEqual([table.get(OTHER)?.key, table.get(ID)], ['B', undefined]);
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
  assert.deepEqual([await table.lost(), store.files.get(OTHER)?.key], [[], 'B']);
});
