// A quadlet's variables brought into the secrets manager, and the quadlet edited to have them from there. What is taken out of the
// quadlet is only what the provider then hands out with the very same value.

import type { UnitHost } from '../quadlet/specifiers.ts';
import { sameBytes } from '../../core/bytes.ts';
import { PsiError, toPsiError } from '../../core/error.ts';
import { nextSteps, type NextSteps } from '../quadlet/next-steps.ts';
import { refuseLaterReset, rewrite, type Edit } from '../quadlet/rewrite.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import { claimOf, type SecretUse, type Workload } from '../../core/workload.ts';
import type { WorkloadPattern } from '../../core/workload-pattern.ts';
import { isMissingFolder, type Place } from '../../provider/secret-source.ts';
import type { Conflict, ImportEvent, ImportReport } from './report.ts';
import type { ImportRequest } from './secrets.ts';
import { readQuadlet, type QuadletFound, type QuadletReader } from '../quadlet/read.ts';
import { EXIT, exitCode } from '../../core/exit.ts';
import { failureOf, type Failure } from '../../core/failure.ts';

/** What the provider's folder holds, as a lookup sees it: imports and references resolved. */
type Held = readonly { readonly key: string; readonly value: SecretValue | undefined }[];

export type QuadletDeps = QuadletReader & {
  readonly provider: string;
  readonly workloads: readonly Workload[];
  readonly pattern?: WorkloadPattern | undefined;
  readonly importSecrets: (request: ImportRequest, emit: (event: ImportEvent) => void) => Promise<ImportReport>;
  /** Waits limits out, and says so. */
  readonly list: (place: Place) => Promise<Held>;
};

export type QuadletRequest = {
  /** Absolute. */
  readonly path: string;
  readonly place: Place;
  readonly manager: UnitHost;
  readonly resolveSecrets: boolean;
  readonly conflict: Conflict;
  readonly dryRun: boolean;
  readonly rewrite: boolean;
  /** What edits the quadlet in a later run. */
  readonly rewriteCommand: string;
};

export type QuadletEdit = {
  readonly path: string;
  /** Places and names, no values. */
  readonly removed: readonly string[];
  /** Where the old text is; null: not edited. */
  readonly backup: string | null;
};

export type QuadletReport = ImportReport & {
  readonly notes: readonly string[];
  readonly edits: readonly QuadletEdit[];
  /** What kept the quadlet from being edited, although that was asked for. */
  readonly editFailure: Failure | null;
  readonly next: NextSteps | null;
};

export async function importQuadlet(
  deps: QuadletDeps,
  request: QuadletRequest,
  emit: (event: ImportEvent) => void,
): Promise<QuadletReport> {
  const { place, dryRun } = request;
  const found = await readQuadlet(deps, request);
  const notes = [...found.notes];
  const reset = laterReset(found);
  // Before anything is written: with it the unit would lose what is taken out of it.
  if (reset && request.rewrite) throw reset;
  if (reset) notes.push(`${reset.message}: ${String(reset.hint)}`);
  const report = await deps.importSecrets({ place, conflict: request.conflict, dryRun, found: found.source }, emit);
  const unedited = { notes, edits: [], editFailure: null, next: null };
  // A run that ended early has said what to do; it is not the time to edit anything.
  if (report.failure) return { ...report, ...unedited };
  let listed: Held;
  try {
    listed = await valuesAt(deps, place);
  } catch (thrown) {
    // What became of each key is known, and must not be lost over the failure.
    const error = uncompared(toPsiError(thrown));
    return { ...report, ...unedited, failure: failureOf(error), exit: exitCode(error.code) };
  }
  const confirmed = confirmedKeys(found, listed, report);
  const uses = new Map([...confirmed].map((key) => [key, found.uses.get(key) ?? []]));
  const claims = (kind: SecretUse['kind']): ReadonlySet<string> =>
    new Set([...uses.values()].flatMap((some) => some.filter((use) => use.kind === kind).map(claimOf)));
  const edits = rewrite({ ...found, confirmed: claims('env'), confirmedFiles: claims('mount') });
  const write = request.rewrite && !dryRun;
  const { done, failure } = write ? await apply(deps, edits) : { done: edits.map(planned), failure: undefined };
  return {
    ...report,
    notes,
    edits: done,
    editFailure: failure ? failureOf(failure) : null,
    next: nextSteps({
      ...deps,
      ...place,
      names: found.names,
      unitFile: request.path.slice(request.path.lastIndexOf('/') + 1),
      keys: [...confirmed],
      uses,
      others: listed.some(({ key }) => !confirmed.has(key)),
      rewriteCommand: (write && !failure) || edits.length === 0 ? undefined : request.rewriteCommand,
    }),
    exit: failure && report.exit === EXIT.DONE ? EXIT.FAILED : report.exit,
  };
}

function laterReset({ unit }: QuadletFound): PsiError | undefined {
  try {
    refuseLaterReset(unit);
    return undefined;
  } catch (thrown) {
    return toPsiError(thrown);
  }
}

async function valuesAt({ list }: QuadletDeps, place: Place): Promise<Held> {
  try {
    return await list(place);
  } catch (thrown) {
    const error = toPsiError(thrown);
    if (isMissingFolder(error)) return [];
    throw error;
  }
}

function uncompared({ code, message, hint }: PsiError): PsiError {
  return new PsiError(
    code,
    `what is there now could not be compared with the quadlet, which is left as it is: ${message}`,
    {
      ...(hint !== undefined && { hint: `${hint}; then run the same import with \`--conflict skip\`` }),
    },
  );
}

/** Those with an equal value there; in a dry run also those that would be written. */
function confirmedKeys({ source }: QuadletFound, listed: Held, { results, dryRun }: ImportReport): ReadonlySet<string> {
  const values = new Map(listed.map(({ key, value }) => [key, value]));
  const planned = results.filter(({ outcome }) => dryRun && (outcome === 'created' || outcome === 'overwritten'));
  const written = new Set(planned.map(({ key }) => key));
  const equal = source.entries.filter(({ key, value }) => {
    const there = values.get(key)?.expose();
    return written.has(key) || (there !== undefined && sameBytes(there, value.expose()));
  });
  return new Set(equal.map(({ key }) => key));
}

function planned({ path, removed }: Edit): QuadletEdit {
  return { path, removed, backup: null };
}

async function apply(
  { files }: QuadletDeps,
  edits: readonly Edit[],
): Promise<{ readonly done: readonly QuadletEdit[]; readonly failure: PsiError | undefined }> {
  const done: QuadletEdit[] = [];
  for (const [index, edit] of edits.entries()) {
    try {
      done.push({ ...planned(edit), backup: await files.replace(edit) });
    } catch (thrown) {
      return { done: [...done, ...edits.slice(index).map(planned)], failure: toPsiError(thrown) };
    }
  }
  return { done, failure: undefined };
}
