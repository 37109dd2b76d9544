// A mapping store in memory. `failWith` makes the next calls fail; `writes` counts those that did not.

import { isPlaced, type Mapping, type StoredMapping } from '../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../src/core/naming.ts';
import { PsiError } from '../../src/core/error.ts';
import type { MappingStore } from '../../src/lookup/mapping-store.ts';

const NO_MAPPING = new PsiError('NOT_FOUND', 'the file holds no mapping');

/** One that a provider is asked for; undefined: it is another one, or there is none. */
export function placed(mapping: StoredMapping | undefined): Mapping | undefined {
  return mapping && isPlaced(mapping) ? mapping : undefined;
}

export class FakeMappingStore implements MappingStore {
  readonly files = new Map<SecretId, StoredMapping>();
  /** Ids whose files hold something else. */
  readonly foreign = new Set<string>();
  failWith: PsiError | undefined;
  writes = 0;

  loadAll(): ReturnType<MappingStore['loadAll']> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    const unusable = new Map([...this.foreign].sort().map((id) => [secretId(id), NO_MAPPING] as const));
    return Promise.resolve({ mappings: new Map(this.files), unusable });
  }

  read(id: SecretId): Promise<StoredMapping | PsiError | undefined> {
    return Promise.resolve(this.failWith ?? (this.foreign.has(id) ? NO_MAPPING : this.files.get(id)));
  }

  ids(): Promise<readonly SecretId[]> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    return Promise.resolve([...this.files.keys(), ...[...this.foreign].map(secretId)]);
  }

  put(id: SecretId, mapping: StoredMapping): Promise<void> {
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
