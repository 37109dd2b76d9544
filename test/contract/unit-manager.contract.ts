// What every unit manager does. `refuse` lets the next reloads fail as a manager does that may not or cannot.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { UnitManager } from '../../src/registration/unit-manager.ts';

export type UnitManagerUnderTest = {
  readonly manager: UnitManager;
  readonly reloads: () => number;
  readonly refuse: () => void;
  /** It has a file of this unit from now on. */
  readonly add: (unit: string) => void;
};

export function unitManagerContract(name: string, make: () => Promise<UnitManagerUnderTest>): void {
  describe(`${name} as a unit manager`, () => {
    it('reloads once a call', async () => {
      const { manager, reloads } = await make();
      await manager.reload();
      assert.equal(reloads(), 1);
      await manager.reload();
      assert.equal(reloads(), 2);
    });

    it('says which units it has', async () => {
      const { manager, add } = await make();
      add('app.service');
      assert.deepEqual([await manager.has('app.service'), await manager.has('other@.service')], [true, false]);
    });

    it('fails as HOST with a hint when the manager refuses', async () => {
      const { manager, reloads, refuse } = await make();
      refuse();
      await assert.rejects(manager.reload(), { name: 'PsiError', code: 'HOST', hint: /./ });
      assert.equal(reloads(), 0);
    });
  });
}
