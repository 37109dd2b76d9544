// What the commands for one project of Infisical ask of the composition root, and the flags with which they name a place there.

import { InvalidArgumentError, type Command } from 'commander';
import type { Config } from '../config/config.ts';
import type { ProjectTools } from '../transfer/project-tools.ts';
import type { Cli } from './command.ts';

/** One project of Infisical; without an environment, the one of the config. */
export type ProjectTarget = { readonly project: string; readonly environment: string | undefined };

/** What people do with one project, over one connection. */
export type InfisicalTools = ProjectTools;

export type InfisicalNeeds = {
  readonly infisicalTools: (config: Config, target: ProjectTarget) => Promise<InfisicalTools>;
};

export type PlaceFlags = { readonly project: string; readonly path: string; readonly environment?: string };

export function withPlace(command: Command): Command {
  return command
    .requiredOption('--project <name>', 'project, by its name in the config')
    .option('--path <folder>', 'folder in the project', folder, '/')
    .option('--environment <slug>', 'another environment than the one in the config');
}

/** Opens the project's connection for `work` and closes it whatever comes of that. */
export async function withTools<T>(
  { config, compose }: Cli<InfisicalNeeds>,
  { project, environment }: PlaceFlags,
  work: (tools: InfisicalTools, config: Config) => Promise<T>,
): Promise<T> {
  const [composition, loaded] = [await compose(), await config()];
  const tools = await composition.infisicalTools(loaded, { project, environment });
  try {
    return await work(tools, loaded);
  } finally {
    tools.close();
  }
}

function folder(text: string): string {
  if (!text.startsWith('/') || /\/\/|\/\.{1,2}(?:\/|$)/.test(text))
    throw new InvalidArgumentError('a folder such as /myapp');
  return text === '/' ? text : text.replace(/\/$/, '');
}
