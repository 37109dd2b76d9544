// Names of secret ids in memory; a save fails on request.

import type { NameStore, Registered } from '../../src/lookup/name-store.ts';
import { PsiError } from '../../src/core/error.ts';

export class FakeNameStore implements NameStore {
  names: ReadonlyMap<string, Registered> = new Map();
  saves = 0;
  failing = false;

  load(): Promise<ReadonlyMap<string, Registered>> {
    return Promise.resolve(this.names);
  }

  save(names: ReadonlyMap<string, Registered>): Promise<void> {
    if (this.failing) return Promise.reject(new PsiError('HOST', 'the disk is full'));
    this.saves += 1;
    this.names = new Map(names);
    return Promise.resolve();
  }
}
