// What people do with one project of a provider, over one connection: list, read into a file, import. Each call has a bound of its own.

import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { writerOf } from '../provider/choice.ts';
import type { Provider } from '../provider/provider.ts';
import { callBound } from './call-bound.ts';
import { namedValues, type NamedValue } from './env-format.ts';
import { importSecrets, type ImportRequest } from './import/secrets.ts';
import type { ImportEvent, ImportReport } from './import/report.ts';
import type { SecretFiles } from './secret-files.ts';
import { writeSecretFile, type WriteFileReport, type WriteFileRequest } from './write-file.ts';

export type ProjectTools = {
  readonly words: ProviderWords;
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

export function projectTools(project: string, { provider, clock, files }: ProjectToolsDeps): ProjectTools {
  const { source, words } = provider;
  return {
    words,
    list: (path) =>
      withDeadline(clock, callBound('listing the secrets', words), (signal) =>
        source.list({ project, path }, { recursive: false, values: true, signal }),
      ).then(namedValues),
    writeFile: ({ name, path, ...request }) =>
      writeSecretFile(
        {
          files,
          get: (ref) =>
            withDeadline(clock, callBound('reading the secret', words), (signal) => source.get(ref, signal)),
        },
        { ...request, ref: { project, path, key: name } },
      ),
    importSecrets: async ({ path, ...request }, emit) =>
      await importSecrets(
        { source, writer: writerOf(provider), words, clock },
        { ...request, place: { project, path } },
        emit,
      ),
    close: provider.close,
  };
}
