// The debt of setups, in memory. `failWith` fails the writes.

import type { PsiError } from '../../src/core/error.ts';
import type { SetupDebt, SetupDebtStore } from '../../src/registration/setup-debt.ts';

export class FakeSetupDebtStore implements SetupDebtStore {
  debt: SetupDebt | undefined;
  failWith: PsiError | undefined;

  read(): Promise<SetupDebt | undefined> {
    return Promise.resolve(this.debt);
  }

  write(debt: SetupDebt): Promise<void> {
    return this.#change(debt);
  }

  clear(): Promise<void> {
    return this.#change(undefined);
  }

  #change(debt: SetupDebt | undefined): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.debt = debt;
    return Promise.resolve();
  }
}
