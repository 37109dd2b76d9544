// Port: mappings on disk, one file per secret id. Writes are durable and atomic when the promise resolves: Podman believes them.

import type { Mapping } from '../core/mapping.ts';
import type { SecretId } from '../core/naming.ts';

export type MappingStore = {
  /** All readable mappings. A file that is no mapping is skipped and reported by id, never deleted. */
  readonly loadAll: () => Promise<{
    readonly mappings: ReadonlyMap<SecretId, Mapping>;
    readonly skipped: readonly string[];
  }>;
  readonly put: (id: SecretId, mapping: Mapping) => Promise<void>;
  /** Removing what is not there is no error. */
  readonly remove: (id: SecretId) => Promise<void>;
};
