// What every drop-in store does. `foreign` puts a file there that PSI has not written.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { dropInText } from '../../src/registration/drop-in.ts';
import type { DropInStore } from '../../src/registration/drop-in-store.ts';

export type DropInStoreUnderTest = {
  readonly store: DropInStore;
  readonly foreign: (unit: string) => Promise<void>;
};

const text = (key: string): string =>
  dropInText({ unit: 'a', dependsOn: [], secrets: [{ name: `a--${key}`, kind: 'env', target: key }] });

export function dropInStoreContract(name: string, make: () => Promise<DropInStoreUnderTest>): void {
  describe(`${name} as a drop-in store`, () => {
    it('lists what was written, templates too', async () => {
      const { store } = await make();
      assert.deepEqual(await store.list(), []);
      await store.write({ unit: 'worker@.container', text: text('A') });
      await store.write({ unit: 'my.app.container', text: text('B') });
      await store.write({ unit: 'my.app.container', text: text('C') });
      const found = [...(await store.list())].sort((a, b) => (a.unit < b.unit ? -1 : 1));
      assert.deepEqual(found, [
        { unit: 'my.app.container', text: text('C') },
        { unit: 'worker@.container', text: text('A') },
      ]);
    });

    it('forgets what was removed, and removes what is not there', async () => {
      const { store } = await make();
      await store.write({ unit: 'app.container', text: text('A') });
      await store.remove('app.container');
      await store.remove('app.container');
      assert.deepEqual(await store.list(), []);
    });

    it('neither lists, replaces nor removes a file it has not written', async () => {
      const { store, foreign } = await make();
      await foreign('app.container');
      assert.deepEqual(await store.list(), []);
      await assert.rejects(store.write({ unit: 'app.container', text: text('A') }), { code: 'CONFLICT' });
      await assert.rejects(store.remove('app.container'), { code: 'CONFLICT' });
      assert.deepEqual(await store.list(), []);
    });
  });
}
