// A mapping store in memory. `failWith` makes the next writes fail; `writes` counts those that did not.

import type { Mapping } from '../../src/core/mapping.ts';
import type { SecretId } from '../../src/core/naming.ts';
import type { PsiError } from '../../src/core/error.ts';
import type { MappingStore } from '../../src/lookup/mapping-store.ts';

export class FakeMappingStore implements MappingStore {
  readonly files = new Map<SecretId, Mapping>();
  /** Ids whose files hold something else. */
  readonly foreign = new Set<string>();
  failWith: PsiError | undefined;
  writes = 0;

  loadAll(): ReturnType<MappingStore['loadAll']> {
    return Promise.resolve({ mappings: new Map(this.files), skipped: [...this.foreign].sort() });
  }

  put(id: SecretId, mapping: Mapping): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.writes += 1;
    this.foreign.delete(id);
    this.files.set(id, { ...mapping });
    return Promise.resolve();
  }

  remove(id: SecretId): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.writes += 1;
    this.foreign.delete(id);
    this.files.delete(id);
    return Promise.resolve();
  }
}
