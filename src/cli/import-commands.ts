// `psi infisical import …` on the command line: flags and help.

import { Option, type Command } from 'commander';
import type { Conflict } from '../transfer/import/report.ts';
import { importCommand } from './commands/import.ts';
import { example } from './help.ts';
import { withPlace, type PlaceFlags } from './place-options.ts';
import type { InfisicalCommandDeps } from './read-commands.ts';

export type ImportFlags = PlaceFlags & {
  readonly conflict: Conflict;
  readonly dryRun: boolean;
  readonly json: boolean;
};

/** The group, for what else can be imported. */
export function addImportCommands(infisical: Command, deps: InfisicalCommandDeps): Command {
  const { terminal, config, compose, done } = deps;
  const group = infisical.command('import').description('write what is elsewhere into a folder of infisical');
  withImport(
    group
      .command('env-file')
      .description('the variables of an env file; what has more than one meaning is refused with its line')
      .argument('<file>', 'the env file, or - for standard input'),
  )
    .addHelpText(
      'after',
      example('podman exec -i psi psi infisical import env-file - --project myproject --path /myapp < myapp.env'),
    )
    .action(async (file: string, { project, environment, path, ...flags }: ImportFlags) => {
      const composition = await compose();
      const tools = await composition.infisicalTools(await config(), { project, environment });
      const found = await composition.readEnvFile(file);
      done(await importCommand(tools, terminal, { found, path, ...flags }));
    });
  return group;
}

/** The flags that every import has. */
export function withImport(command: Command): Command {
  return withPlace(command)
    .addOption(
      new Option(
        '--conflict <what>',
        'what to do if a key is there: nothing at all, leave it, or give it the new value',
      )
        .choices(['fail', 'skip', 'overwrite'])
        .default('fail'),
    )
    .option('--dry-run', 'say what would be written, write nothing', false)
    .option('--json', 'print the report as one JSON object', false);
}
