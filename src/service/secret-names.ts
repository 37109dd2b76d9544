// Podman's names of the secrets, for the lines of the audit.

import type { MappingTable } from '../lookup/mapping-table.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { Log } from './log.ts';

/** Not to be awaited: Podman's lock may be held by a start that is waiting for this very process to answer its lookup. */
export async function learnNames(
  registry: Pick<SecretRegistry, 'list'>,
  mappings: MappingTable,
  log: Log,
): Promise<void> {
  try {
    mappings.learnNames(await registry.list());
  } catch {
    log.debug('podman was not asked for the names of its secrets: audit lines show ids until the next setup');
  }
}
