// What people do with one project of a provider, over one connection: list, read into a file, import. Each call has a bound of its own.

import type { Clock } from '../core/clock.ts';
import { PsiError } from '../core/error.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { writerOf } from '../provider/choice.ts';
import type { Provider } from '../provider/provider.ts';
import { readFolder, type ReadSecret } from './read-folder.ts';
import type { Place } from '../provider/secret-source.ts';
import { importSecrets, type ImportRequest } from './import/secrets.ts';
import type { ImportEvent, ImportReport } from './import/report.ts';
import { patientCalls, type Waiting } from './patience.ts';
import type { SecretFiles } from './secret-files.ts';
import { writeSecretFile, type WriteFileReport, type WriteFileRequest } from './write-file.ts';

export type ProjectTools = {
  readonly words: ProviderWords;
  /** A folder as far as it may be read. */
  readonly read: (path: string, watch: ReadWatch) => Promise<readonly ReadSecret[]>;
  /** The failure that says of a folder that nothing was seen there. */
  readonly nothingSeen: (path: string) => PsiError;
  readonly writeFile: (
    request: Omit<WriteFileRequest, 'ref'> & { readonly name: string; readonly path: string },
    onWait: (event: Waiting) => void,
  ) => Promise<WriteFileReport>;
  readonly importSecrets: (
    request: Omit<ImportRequest, 'place'> & { readonly path: string },
    emit: (event: ImportEvent) => void,
  ) => Promise<ImportReport>;
  readonly close: () => void;
};

export type ReadWatch = {
  readonly onWait: (event: Waiting) => void;
  /** Where secrets are asked for one after another, as no list has their values. */
  readonly onSingle?: (done: number, total: number) => void;
};

export type ProjectToolsDeps = {
  readonly provider: Provider;
  /** Of the project; undefined: its kind of provider has none. */
  readonly environment: string | undefined;
  readonly clock: Clock;
  readonly files: SecretFiles;
};

export function projectTools(project: string, deps: ProjectToolsDeps): ProjectTools {
  const { provider, environment, clock, files } = deps;
  const { source, words } = provider;
  return {
    words,
    read: (path, { onWait, ...watch }) =>
      readFolder(
        { source, clock, call: patientCalls({ words, clock }, onWait), ...watch },
        { project, path },
        { recursive: false },
      ),
    nothingSeen: (path) => nothingSeen({ project, path }, environment, words),
    writeFile: ({ name, path, ...request }, onWait) => {
      const call = patientCalls({ words, clock }, onWait);
      return writeSecretFile(
        { files, get: (ref) => call('reading the secret', (signal) => source.get(ref, signal)) },
        { ...request, ref: { project, path, key: name } },
      );
    },
    importSecrets: async ({ path, ...request }, emit) =>
      await importSecrets(
        { source, writer: writerOf(provider), words, clock },
        { ...request, place: { project, path } },
        emit,
      ),
    close: provider.close,
  };
}

/** A misspelt place and a missing right look the same to whoever asks. */
function nothingSeen({ project, path }: Place, environment: string | undefined, { name }: ProviderWords): PsiError {
  const where = environment === undefined ? '' : ` (environment ${environment})`;
  const within = environment === undefined ? '' : ` in environment ${environment}`;
  return new PsiError('NOT_FOUND', `no secret seen in ${project}:${path}${where}: path or rights?`, {
    hint: `look in ${name} whether ${path} is spelt so${within} and holds secrets, and whether the machine identity has the right to describe and read them there; \`--allow-empty\` takes an empty folder for right`,
  });
}
