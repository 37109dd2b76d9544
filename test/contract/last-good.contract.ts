// What every store of the last good config does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { LastGoodStore } from '../../src/service/last-good.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function lastGoodContract(name: string, make: () => Promise<LastGoodStore>): void {
  describe(`${name} as a store of the last good config`, () => {
    it('has what was kept last, byte for byte, and nothing before', async () => {
      const store = await make();
      assert.equal(await store.read(), undefined);
      for (const text of ['a: 1\n', 'a: 1\n', '# ü\nb: 2']) {
        await store.keep(bytes(text));
        assert.deepEqual(new Uint8Array((await store.read()) ?? []), bytes(text));
      }
    });
  });
}
