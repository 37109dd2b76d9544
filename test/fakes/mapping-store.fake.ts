// A mapping store in memory. `failWith` makes the next calls fail; `writes` counts those that did not.

import type { Mapping } from '../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../src/core/naming.ts';
import { PsiError } from '../../src/core/error.ts';
import type { MappingStore } from '../../src/lookup/mapping-store.ts';

const NO_MAPPING = new PsiError('NOT_FOUND', 'the file holds no mapping');

export class FakeMappingStore implements MappingStore {
  readonly files = new Map<SecretId, Mapping>();
  /** Ids whose files hold something else. */
  readonly foreign = new Set<string>();
  failWith: PsiError | undefined;
  writes = 0;

  loadAll(): ReturnType<MappingStore['loadAll']> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    const unusable = new Map([...this.foreign].sort().map((id) => [secretId(id), NO_MAPPING] as const));
    return Promise.resolve({ mappings: new Map(this.files), unusable });
  }

  read(id: SecretId): Promise<Mapping | PsiError | undefined> {
    return Promise.resolve(this.failWith ?? (this.foreign.has(id) ? NO_MAPPING : this.files.get(id)));
  }

  ids(): Promise<readonly SecretId[]> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    return Promise.resolve([...this.files.keys(), ...[...this.foreign].map(secretId)]);
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
