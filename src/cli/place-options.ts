// The flags with which a command names a place in Infisical, the same for all of them.

import { InvalidArgumentError, type Command } from 'commander';

export type PlaceFlags = { readonly project: string; readonly path: string; readonly environment?: string };

export function withPlace(command: Command): Command {
  return command
    .requiredOption('--project <name>', 'project, by its name in the config')
    .option('--path <folder>', 'folder in the project', folder, '/')
    .option('--environment <slug>', 'another environment than the one in the config');
}

function folder(text: string): string {
  if (!text.startsWith('/') || /\/\/|\/\.{1,2}(?:\/|$)/.test(text))
    throw new InvalidArgumentError('a folder such as /myapp');
  return text === '/' ? text : text.replace(/\/$/, '');
}
