// A manager that counts reloads, and refuses them on request.

import type { PsiError } from '../../src/core/error.ts';
import type { UnitManager } from '../../src/registration/unit-manager.ts';

export class FakeUnitManager implements UnitManager {
  reloads = 0;
  failWith: PsiError | undefined;
  /** Those that it has a file of. */
  readonly units = new Set<string>();

  reload(): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.reloads += 1;
    return Promise.resolve();
  }

  has(unit: string): Promise<boolean> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    return Promise.resolve(this.units.has(unit));
  }
}
