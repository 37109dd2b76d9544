// The mappings that the service starts with.

import type { Clock } from '../core/clock.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { errorFields, type Log } from './log.ts';

export type ReadingDeps = { readonly clock: Pick<Clock, 'sleep'>; readonly log: Pick<Log, 'warn'> };

/** So many are named; a disk that reads nothing has the same trouble with all of them. */
const NAMED = 20;

/** The first second belongs to the starts that wait for lookups. */
const PAUSE_MS = 1_000;

/** Reads what nobody has asked for by then. A file that cannot be used stops nothing: its secret cannot be looked up, and the log names it. */
export async function readMappings(table: MappingTable, { clock, log }: ReadingDeps): Promise<void> {
  await clock.sleep(PAUSE_MS);
  await table.readRest();
  const problems = table.problems();
  for (const { subject, error } of problems.slice(0, NAMED)) {
    log.warn(
      { secret: subject, ...errorFields(error) },
      'a mapping cannot be used: its lookups fail, all others are answered',
    );
  }
  if (problems.length > NAMED)
    log.warn({ count: problems.length }, 'so many mappings cannot be used: `psi status` counts them');
}
