// What people do with one project of a provider, over one connection: list, read into a file, import. Each call has a bound of its own.

import type { Clock } from '../core/clock.ts';
import { withDeadline, type Deadline } from '../core/deadline.ts';
import { writerOf } from '../provider/choice.ts';
import type { Provider } from '../provider/provider.ts';
import { namedValues, type NamedValue } from './env-format.ts';
import { importSecrets, type ImportRequest } from './import/secrets.ts';
import type { ImportEvent, ImportReport } from './import/report.ts';
import type { SecretFiles } from './secret-files.ts';
import { writeSecretFile, type WriteFileReport, type WriteFileRequest } from './write-file.ts';

export type ProjectTools = {
  readonly list: (path: string) => Promise<readonly NamedValue[]>;
  readonly writeFile: (
    request: Omit<WriteFileRequest, 'ref'> & { readonly name: string; readonly path: string },
  ) => Promise<WriteFileReport>;
  readonly importSecrets: (
    request: Omit<ImportRequest, 'place'> & { readonly path: string },
    emit: (event: ImportEvent) => void,
  ) => Promise<ImportReport>;
  readonly close: () => void;
};

export type ProjectToolsDeps = {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly files: SecretFiles;
};

/** The server ends a request by itself after this time. */
const CALL_MS = 30_000;

export function projectTools(project: string, { provider, clock, files }: ProjectToolsDeps): ProjectTools {
  const { source, words } = provider;
  const bound = (what: string): Deadline => {
    return { ms: CALL_MS, what, hint: `look at the load and the log of the ${words.name} server` };
  };
  return {
    list: (path) =>
      withDeadline(clock, bound('listing the secrets'), (signal) =>
        source.list({ project, path }, { recursive: false, values: true, signal }),
      ).then(namedValues),
    writeFile: ({ name, path, ...request }) =>
      writeSecretFile(
        { files, get: (ref) => withDeadline(clock, bound('reading the secret'), (signal) => source.get(ref, signal)) },
        { ...request, ref: { project, path, key: name } },
      ),
    importSecrets: async ({ path, ...request }, emit) =>
      await importSecrets(
        { source, writer: writerOf(provider), clock },
        { ...request, place: { project, path } },
        emit,
      ),
    close: provider.close,
  };
}
