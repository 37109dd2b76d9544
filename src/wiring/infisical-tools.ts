// Wiring of the commands that read from and write to one project in a process of their own. Part of the composition root.

import { systemClock } from '../adapters/clock/system-clock.ts';
import { readEnvFile } from '../adapters/env-file/read.ts';
import { createSecretFiles } from '../adapters/files/secret-file.ts';
import type { InfisicalTools, ProjectTarget } from '../cli/infisical-tools.ts';
import type { Config } from '../config/config.ts';
import { inEnvironment, providerOfProject } from '../provider/choice.ts';
import type { EnvFileReader } from '../transfer/env-file/reading.ts';
import type { ImportSource } from '../transfer/import/entry.ts';
import { projectTools } from '../transfer/project-tools.ts';
import { composeProvider } from './providers.ts';

type ToolDeps = { readonly env: Readonly<Record<string, string | undefined>>; readonly version: string };

/** Connects to nothing before the first call. */
export async function composeInfisicalTools(
  config: Config,
  { project, environment }: ProjectTarget,
  deps: ToolDeps,
): Promise<InfisicalTools> {
  const clock = systemClock;
  const chosen = inEnvironment(providerOfProject(config, project).config, project, environment);
  const provider = await composeProvider(config, chosen, { ...deps, clock });
  const place = { environment: chosen.projects.get(project)?.environment };
  return projectTools(project, { provider, ...place, clock, files: createSecretFiles({ etc: '/etc' }) });
}

export function composeEnvFile(file: string, reader: EnvFileReader | undefined): Promise<ImportSource> {
  return readEnvFile(file, reader, process.stdin);
}
