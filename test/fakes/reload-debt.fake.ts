// The debt of a reload, in memory.

import type { ReloadDebt } from '../../src/registration/reload-debt.ts';

export class FakeReloadDebt implements ReloadDebt {
  debt = false;

  owed(): Promise<boolean> {
    return Promise.resolve(this.debt);
  }

  owe(): Promise<void> {
    this.debt = true;
    return Promise.resolve();
  }

  settle(): Promise<void> {
    this.debt = false;
    return Promise.resolve();
  }
}
