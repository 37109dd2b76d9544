// `psi infisical env` and `psi infisical write-file` on the command line: flags and help.

import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Config } from '../config/config.ts';
import type { EnvReader } from '../transfer/env-format.ts';
import { envCommand, writeFileCommand } from './commands/read.ts';
import type { Composition } from './composition.ts';
import { example } from './help.ts';
import { withPlace, type PlaceFlags } from './place-options.ts';
import type { Terminal } from './terminal.ts';

export type InfisicalCommandDeps = {
  readonly terminal: Terminal;
  readonly config: () => Promise<Config>;
  readonly compose: () => Promise<Composition>;
  readonly done: (exit: number) => void;
};

type EnvFlags = PlaceFlags & { readonly format: 'export' | 'env' | 'json'; readonly for?: EnvReader };
type WriteFileFlags = PlaceFlags & { readonly mode: number; readonly owner?: string; readonly base64: boolean };

export function addReadCommands(infisical: Command, deps: InfisicalCommandDeps): void {
  const { terminal, config, compose, done } = deps;
  withPlace(
    infisical
      .command('env')
      .description(
        'print the secrets of a folder as variables; what the format cannot carry is named on stderr, exit status 1',
      ),
  )
    .addOption(
      new Option('--format <name>', '`export` is for eval in a shell, `env` for podman and systemd to read')
        .choices(['export', 'env', 'json'])
        .default('export'),
    )
    .addOption(
      new Option(
        '--for <reader>',
        'with `--format env`: what reads it, where only one of the two carries a value',
      ).choices(['podman', 'systemd']),
    )
    .addHelpText('after', example('podman exec psi psi infisical env --project myproject --path /myapp --format env'))
    .action(async ({ project, path, environment, ...flags }: EnvFlags) => {
      const tools = await (await compose()).infisicalTools(await config(), { project, environment });
      done(await envCommand(tools, terminal, { path, format: flags.format, reader: flags.for }));
    });

  withPlace(
    infisical
      .command('write-file')
      .description('write the value of one secret into a file: the whole of it, or what was there before')
      .argument('<name>', 'name of the secret')
      .argument('<out>', 'file to write'),
  )
    .addOption(new Option('--mode <octal>', 'mode of the file').argParser(octal).default(0o600, '0600'))
    .option('--owner <user[:group]>', 'owner of the file; numbers, where the container does not know the name')
    .option('--base64', 'the value is base64: write what it stands for', false)
    .addHelpText(
      'after',
      example('podman exec psi psi infisical write-file TLS_KEY /run/psi/tls.key --project myproject --path /tls'),
    )
    .action(async (name: string, out: string, { project, path, environment, ...flags }: WriteFileFlags) => {
      const tools = await (await compose()).infisicalTools(await config(), { project, environment });
      const { mode, owner, base64 } = flags;
      done(await writeFileCommand(tools, terminal, { name, path, out, mode, owner, base64 }));
    });
}

function octal(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError('octal, such as 0600');
  return Number.parseInt(text, 8);
}
