// A manager that counts reloads, and refuses them on request.

import type { PsiError } from '../../src/core/error.ts';
import type { UnitManager } from '../../src/registration/unit-manager.ts';

export class FakeUnitManager implements UnitManager {
  reloads = 0;
  failWith: PsiError | undefined;

  reload(): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.reloads += 1;
    return Promise.resolve();
  }
}
