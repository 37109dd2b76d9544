// What every mapping store does: the one on disk and the fake of the unit tests.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Mapping } from '../../src/core/mapping.ts';
import { secretId } from '../../src/core/naming.ts';
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
