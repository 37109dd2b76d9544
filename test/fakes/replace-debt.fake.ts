// The debt of replaces, in memory. `failWith` fails the reads and writes.

import type { PsiError } from '../../src/core/error.ts';
import type { ReplaceDebt, UnfinishedReplace } from '../../src/registration/replace-debt.ts';

export class FakeReplaceDebt implements ReplaceDebt {
  unfinished: readonly UnfinishedReplace[] = [];
  failWith: PsiError | undefined;

  read(): Promise<readonly UnfinishedReplace[]> {
    return this.failWith === undefined ? Promise.resolve(this.unfinished) : Promise.reject(this.failWith);
  }

  write(unfinished: readonly UnfinishedReplace[]): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.unfinished = unfinished;
    return Promise.resolve();
  }
}
