// Port: mappings on disk, one file per secret id. Writes are durable and atomic when the promise resolves: Podman believes them.

import type { PsiError } from '../core/error.ts';
import type { StoredMapping } from '../core/mapping.ts';
import type { SecretId } from '../core/naming.ts';

export type MappingStore = {
  /** All readable mappings. What cannot be read, or is no mapping, is told by id with its reason; it is never deleted. Fails with HOST. */
  readonly loadAll: () => Promise<{
    readonly mappings: ReadonlyMap<SecretId, StoredMapping>;
    readonly unusable: ReadonlyMap<SecretId, PsiError>;
  }>;
  /** One of them. Undefined: it has no file. An error: it cannot be read, or holds no mapping. Never fails. */
  readonly read: (id: SecretId) => Promise<StoredMapping | PsiError | undefined>;
  /** The ids that have a file, whatever is in it. Fails with HOST. */
  readonly ids: () => Promise<readonly SecretId[]>;
  readonly put: (id: SecretId, mapping: StoredMapping) => Promise<void>;
  /** Removing what is not there is no error. */
  readonly remove: (id: SecretId) => Promise<void>;
};
