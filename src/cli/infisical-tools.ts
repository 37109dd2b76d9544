// What the commands for one project of Infisical ask of the composition root, and the flags with which they name a place there.

import { InvalidArgumentError, type Command } from 'commander';
import type { Config } from '../config/config.ts';
import { PsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { foreignPart, parseFolder } from '../core/secret-path.ts';
import { blanked } from '../core/text/visible.ts';
import type { Waiting } from '../transfer/patience.ts';
import type { ProjectTools } from '../transfer/project-tools.ts';
import type { Cli } from './command.ts';
import type { Terminal } from './terminal.ts';

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
    .option('--environment <slug>', 'another environment than the one in the config', slug);
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

/** For those without a terminal too: it takes up to a minute. */
export function showWait(terminal: Terminal, { message, waitMs }: Waiting): void {
  terminal.error(`${message}; going on in ${String(Math.ceil(waitMs / 1000))} s`);
}

/** A password may look like a reference; so does one to what is misspelt or gone. */
export function literalNote(key: string, { name }: ProviderWords): string {
  return `${key === '' ? '""' : key}: its value holds a reference that leads nowhere: ${name} leaves it as text`;
}

const FOLDER_HINT = 'write the folder as infisical shows it, such as /myapp/db, without `.` and `..`';
const NAME_HINT =
  'write the folder as infisical shows it; one that has such a name from before has to be renamed there';

/** As the config takes it; a name that servers refuse unseen is refused before anything is asked. */
function folder(text: string): string {
  const read = parseFolder(text);
  if (typeof read !== 'string') throw badFolder(text, read.reason, read.meant, FOLDER_HINT);
  const foreign = foreignPart(read);
  if (foreign === undefined) return read;
  const reason = `infisical takes letters, digits, dashes and underscores in a folder's name, not "${printable(foreign.part)}"`;
  throw badFolder(text, reason, foreign.meant, NAME_HINT);
}

function badFolder(text: string, reason: string, meant: string | undefined, hint: string): PsiError {
  return new PsiError('USAGE', `--path "${printable(text)}" is no folder: ${reason}`, {
    hint: meant === undefined ? hint : `did you mean ${meant}? ${hint}`,
  });
}

function slug(text: string): string {
  if (text.trim() === '' || text !== blanked(text))
    throw new InvalidArgumentError('It is the slug of an environment, such as prod.');
  return text;
}
