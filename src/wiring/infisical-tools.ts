// Wiring of the commands that read from and write to one project of Infisical in a process of their own. Part of the composition root.

import { systemClock } from '../adapters/clock/system-clock.ts';
import { readEnvFile } from '../adapters/env-file/read.ts';
import { createSecretFiles } from '../adapters/files/secret-file.ts';
import { createInfisicalSource } from '../adapters/infisical/source.ts';
import { createInfisicalWriter } from '../adapters/infisical/writer.ts';
import type { InfisicalTools, ProjectTarget } from '../cli/infisical-tools.ts';
import { composeConnection } from './providers.ts';
import type { Config, InfisicalConfig } from '../config/config.ts';
import { PsiError } from '../core/error.ts';
import type { ImportSource } from '../transfer/import/entry.ts';
import { withDeadline, type Deadline } from '../core/deadline.ts';
import { importSecrets } from '../transfer/import/secrets.ts';
import { namedValues } from '../transfer/env-format.ts';
import { writeSecretFile } from '../transfer/write-file.ts';

type ToolDeps = { readonly env: Readonly<Record<string, string | undefined>>; readonly version: string };

/** The server ends a request by itself after this time. */
const CALL_MS = 30_000;

/** Connects to nothing before the first call. */
export async function composeInfisicalTools(
  config: Config,
  { project, environment }: ProjectTarget,
  deps: ToolDeps,
): Promise<InfisicalTools> {
  const clock = systemClock;
  const provider = inEnvironment(providerOf(config, project), project, environment);
  const connection = await composeConnection(config, provider, { ...deps, clock });
  const source = createInfisicalSource(connection);
  const writer = createInfisicalWriter(connection);
  return {
    environment: connection.subjectOf({ project, path: '/' }).environment,
    list: (path) =>
      withDeadline(clock, bound('listing the secrets'), (signal) =>
        source.list({ project, path }, { recursive: false, values: true, signal }),
      ).then(namedValues),
    writeFile: ({ name, path, ...request }) =>
      writeSecretFile(
        {
          get: (ref) => withDeadline(clock, bound('reading the secret'), (signal) => source.get(ref, signal)),
          files: createSecretFiles({ etc: '/etc' }),
        },
        { ...request, ref: { project, path, key: name } },
      ),
    importSecrets: ({ path, ...request }, emit) =>
      importSecrets({ source, writer, clock }, { ...request, place: { project, path } }, emit),
    close: () => {
      connection.close();
    },
  };
}

export function composeEnvFile(file: string): Promise<ImportSource> {
  return readEnvFile(file, process.stdin);
}

function providerOf(config: Config, project: string): InfisicalConfig {
  const providers = [...config.providers.values()];
  const provider = providers.find(({ projects }) => projects.has(project));
  if (provider) return provider;
  const known = providers.flatMap(({ projects }) => [...projects.keys()]);
  throw new PsiError('NOT_FOUND', `the project ${project} is not in ${config.file}`, {
    hint: known.length === 0 ? 'add it under `projects` of the provider' : `use one of: ${known.join(', ')}`,
  });
}

/** The same identity in another environment of the project. */
function inEnvironment(provider: InfisicalConfig, alias: string, environment: string | undefined): InfisicalConfig {
  const project = provider.projects.get(alias);
  if (!project || environment === undefined) return provider;
  return { ...provider, projects: new Map([[alias, { ...project, environment }]]) };
}

function bound(what: string): Deadline {
  return { ms: CALL_MS, what, hint: 'look at the load and the log of the infisical server' };
}
