// The mappings that the service starts with.

import type { MappingStore } from '../lookup/mapping-store.ts';
import type { NameStore } from '../lookup/name-store.ts';
import { MappingTable } from '../lookup/mapping-table.ts';
import { errorFields, type Log } from './log.ts';

/** So many are named; a disk that reads nothing has the same trouble with all of them. */
const NAMED = 20;

/** A file that cannot be used stops nothing: its secret cannot be looked up, and the log names it. */
export async function loadMappings(store: MappingStore, names: NameStore, log: Log): Promise<MappingTable> {
  const table = await MappingTable.load(store, names);
  const problems = table.problems();
  for (const { subject, error } of problems.slice(0, NAMED)) {
    log.warn(
      { secret: subject, ...errorFields(error) },
      'a mapping cannot be used: its lookups fail, all others are answered',
    );
  }
  if (problems.length > NAMED)
    log.warn({ count: problems.length }, 'so many mappings cannot be used: `psi status` counts them');
  return table;
}
