// `psi infisical env`: the secrets of a folder as variables. Its own formats are its data, so it has no `--json`.

import { Option, type Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { renderEnv, type EnvFormat, type EnvReader } from '../../transfer/env-format.ts';
import { completed, type Cli } from '../command.ts';
import { ASKS_PROVIDER } from '../help.ts';
import { withPlace, withTools, type InfisicalNeeds, type PlaceFlags } from '../infisical-tools.ts';

type FormatName = 'export' | 'env' | 'json';
type EnvFlags = PlaceFlags & { readonly format: FormatName; readonly for?: EnvReader };

export function addEnv(infisical: Command, cli: Cli<InfisicalNeeds>): void {
  const { terminal } = cli;
  const command = withPlace(
    infisical
      .command('env')
      .description('print the secrets of a folder as variables; what the format cannot carry is named on stderr'),
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
    );
  completed(command, cli, {
    exits: { ...ASKS_PROVIDER, FAILED: 'one or more were left out: the format cannot carry them' },
    example: 'podman exec psi psi infisical env --project myproject --path /myapp --format env',
    run: (flags: EnvFlags) =>
      withTools(cli, flags, async (tools) => {
        const { lines, leftOut } = renderEnv(
          await tools.list(flags.path),
          formatOf(flags.format, flags.for),
          tools.words,
        );
        return {
          exit: leftOut.length === 0 ? EXIT.DONE : EXIT.FAILED,
          print: () => {
            for (const line of lines) terminal.data(line);
            for (const { key, reason, hint } of leftOut) {
              terminal.fail({ message: reason, hint }, { word: 'left out', subject: key === '' ? '""' : key });
            }
          },
        };
      }),
  });
}

function formatOf(kind: FormatName, reader: EnvReader | undefined): EnvFormat {
  return kind === 'env' ? { kind, readers: reader === undefined ? ['podman', 'systemd'] : [reader] } : { kind };
}
