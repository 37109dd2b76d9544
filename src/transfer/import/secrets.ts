// Writes what was found elsewhere into a folder of the secrets manager: sifted, compared with what is there, in batches, and looked at
// afterwards. Values are written as they are or refused by name. A run that ended early is repeated with `skip`.

import { PsiError, toPsiError } from '../../core/error.ts';
import type { ImportEntry, ImportSource } from './entry.ts';
import type { Place } from '../../provider/secret-source.ts';
import { patientCalls } from '../patience.ts';
import { importExit, type Conflict, type ImportEvent, type ImportReport, type KeyResult } from './report.ts';
import { ImportResults } from './results.ts';
import { ImportRun, namesAt, type ImportDeps } from './run.ts';
import { failureOf } from '../../core/failure.ts';

export type ImportRequest = {
  readonly place: Place;
  readonly found: ImportSource;
  readonly conflict: Conflict;
  readonly dryRun: boolean;
};

/** Fails only if nothing was written and nothing can be said of single keys. */
export async function importSecrets(
  deps: ImportDeps,
  request: ImportRequest,
  emit: (event: ImportEvent) => void,
): Promise<ImportReport> {
  const { place, found, conflict, dryRun } = request;
  const results = new ImportResults(found.refused);
  const wanted = results.sift(found.entries, (entry) => deps.writer.objection(entry));
  emit({ event: 'listing' });
  const there = await namesAt(patientCalls(deps, emit), deps.source, place);
  const fresh = wanted.filter(({ key }) => !there.has(key));
  const taken = wanted.filter(({ key }) => there.has(key));

  const finish = (failure?: PsiError): ImportReport => {
    const list: readonly KeyResult[] = results.list();
    const { project, path } = place;
    const exit = importExit(list, failure);
    return { project, path, conflict, dryRun, results: list, failure: failure ? failureOf(failure) : null, exit };
  };
  if (conflict === 'fail' && taken.length > 0) {
    for (const entry of taken) results.set(entry, 'failed', { reason: 'it is there already' });
    return finish(conflictOf(place, taken));
  }
  if (conflict === 'skip') for (const entry of taken) results.set(entry, 'skipped', { reason: 'it is there already' });
  const run = new ImportRun(deps, request, results, emit, conflict === 'overwrite' ? wanted.length : fresh.length);
  try {
    if (dryRun) for (const entry of fresh) results.set(entry, 'created');
    else {
      if (there.size === 0 && fresh.length > 0) await run.ensureFolder();
      await run.write('create', fresh);
    }
    if (conflict === 'overwrite') {
      if (dryRun) for (const entry of taken) results.set(entry, 'overwritten');
      else await run.write('overwrite', taken);
    }
    if (!dryRun) await run.verify();
    return finish();
  } catch (thrown) {
    return finish(toPsiError(thrown));
  }
}

function conflictOf({ project, path }: Place, taken: readonly ImportEntry[]): PsiError {
  const count = taken.length === 1 ? 'a key of the import is' : `${String(taken.length)} keys of the import are`;
  return new PsiError('CONFLICT', `${count} in ${project}:${path} already; nothing was written`, {
    hint: '`--conflict skip` leaves them as they are, `--conflict overwrite` gives them the new values',
  });
}
