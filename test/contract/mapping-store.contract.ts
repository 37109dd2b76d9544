// What every mapping store does: the one on disk and the fake of the unit tests.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Mapping, StoredMapping } from '../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../src/core/naming.ts';
import type { MappingStore } from '../../src/lookup/mapping-store.ts';

const mapping = (key: string): Mapping => ({ provider: 'infisical', project: 'p', path: '/a', key });

/** `make` gives an empty store each time. */
export function mappingStoreContract(name: string, make: () => Promise<MappingStore>): void {
  describe(`${name} as a mapping store`, () => {
    it('is empty at first', async () => {
      const store = await make();
      assert.deepEqual(await store.loadAll(), { mappings: new Map(), unusable: new Map() });
    });

    it('gives back what was put, the last write of an id', async () => {
      const store = await make();
      await store.put(secretId('aa11'), mapping('ONE'));
      await store.put(secretId('bb22'), mapping('ö "zwei"\n'));
      await store.put(secretId('aa11'), mapping('THREE'));
      const { mappings, unusable } = await store.loadAll();
      assert.equal(unusable.size, 0);
      const sorted = [...mappings].sort(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(sorted, [
        ['aa11', mapping('THREE')],
        ['bb22', mapping('ö "zwei"\n')],
      ]);
    });

    it('gives back mappings of values on this host too, up to the largest that Podman takes', async () => {
      const store = await make();
      const blob = 'A'.repeat(511_999 - '{"provider":"n","blob":""}'.length);
      const own: readonly (readonly [SecretId, StoredMapping])[] = [
        [secretId('aa11'), { provider: 'n', blob }],
        [secretId('bb22'), { provider: 'n', blob: 'A'.repeat(40_000) }],
        [secretId('cc33'), { provider: 'sealed', name: 'db' }],
        [secretId('dd44'), mapping('ONE')],
      ];
      for (const [id, one] of own) await store.put(id, one);
      const { mappings, unusable } = await store.loadAll();
      assert.deepEqual([new Map([...mappings].sort(([a], [b]) => (a < b ? -1 : 1))), unusable.size], [new Map(own), 0]);
      for (const [id, one] of own) assert.deepEqual(await store.read(id), one);
    });

    it('reads one of them, or tells that it is not there', async () => {
      const store = await make();
      await store.put(secretId('aa11'), mapping('ONE'));
      assert.deepEqual(await store.read(secretId('aa11')), mapping('ONE'));
      assert.equal(await store.read(secretId('bb22')), undefined);
    });

    it('tells which ids have a file', async () => {
      const store = await make();
      assert.deepEqual(await store.ids(), []);
      await store.put(secretId('aa11'), mapping('ONE'));
      await store.put(secretId('bb22'), mapping('TWO'));
      await store.remove(secretId('aa11'));
      assert.deepEqual(await store.ids(), ['bb22']);
    });

    it('forgets what was removed, and removes what is not there', async () => {
      const store = await make();
      await store.put(secretId('aa11'), mapping('ONE'));
      await store.remove(secretId('aa11'));
      await store.remove(secretId('aa11'));
      assert.equal((await store.loadAll()).mappings.size, 0);
    });
  });
}
