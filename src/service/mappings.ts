// The mappings that the service starts with.

import type { MappingStore } from '../lookup/mapping-store.ts';
import type { NameStore } from '../lookup/name-store.ts';
import { MappingTable } from '../lookup/mapping-table.ts';
import type { Log } from './log.ts';

/** A file that holds no mapping stops nothing: its secret cannot be looked up, and the log names it. */
export async function loadMappings(store: MappingStore, names: NameStore, log: Log): Promise<MappingTable> {
  const { table, skipped } = await MappingTable.load(store, names);
  if (skipped.length > 0) log.warn({ ids: skipped }, 'these files of the state folder hold no mapping and are ignored');
  return table;
}
