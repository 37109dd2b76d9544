// `psi infisical env`: the secrets of a folder as variables. Its own formats are its data, so it has no `--json`.

import { Option, type Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import {
  literalKeys,
  namedValues,
  renderEnv,
  type EnvFormat,
  type EnvReader,
  type LeftOut,
} from '../../transfer/env-format.ts';
import { completed, type Cli } from '../command.ts';
import { ASKS_PROVIDER } from '../help.ts';
import {
  literalNote,
  showWait,
  withPlace,
  withTools,
  type InfisicalNeeds,
  type PlaceFlags,
} from '../infisical-tools.ts';
import type { Terminal } from '../terminal.ts';

type FormatName = 'export' | 'env' | 'json';
type EnvFlags = PlaceFlags & {
  readonly format: FormatName;
  readonly for?: EnvReader;
  readonly allowEmpty: boolean;
};

export function addEnv(infisical: Command, cli: Cli<InfisicalNeeds>): void {
  const { terminal } = cli;
  const command = withPlace(
    infisical
      .command('env')
      .description(
        'print the secrets of a folder as variables, sorted by name; what the format cannot carry and what may not be read is named on stderr',
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
    .option('--allow-empty', 'a folder without secrets is no failure', false);
  completed(command, cli, {
    exits: {
      ...ASKS_PROVIDER,
      FAILED: 'one or more were left out: the format cannot carry them, or they may not be read',
      NO_INPUT: 'the project or the folder is not there, or no secret was seen in it',
    },
    example: 'podman exec psi psi infisical env --project myproject --path /myapp --format env',
    run: (flags: EnvFlags) =>
      withTools(cli, flags, async (tools) => {
        const { path, format, for: reader, allowEmpty } = flags;
        const secrets = await tools.read(path, {
          onWait: (wait) => {
            showWait(terminal, wait);
          },
          onSingle: (done, total) => {
            terminal.progress(`reading ${String(done + 1)}/${String(total)}`);
          },
        });
        if (secrets.length === 0 && !allowEmpty) throw tools.nothingSeen(path);
        const { lines, leftOut } = renderEnv(namedValues(secrets), formatOf(format, reader), tools.words);
        return {
          exit: leftOut.length === 0 ? EXIT.DONE : EXIT.FAILED,
          print: () => {
            for (const line of lines) terminal.data(line);
            printLeftOut(terminal, leftOut);
            for (const key of literalKeys(secrets)) terminal.note(literalNote(key, tools.words));
          },
        };
      }),
  });
}

function printLeftOut(terminal: Terminal, leftOut: readonly LeftOut[]): void {
  const hints = new Set<string | null>();
  for (const { key, reason, hint } of leftOut) {
    // One that holds for many is said once.
    const news = hints.has(hint) ? null : hint;
    terminal.fail({ message: reason, hint: news }, { word: 'left out', subject: key === '' ? '""' : key });
    hints.add(hint);
  }
}

function formatOf(kind: FormatName, reader: EnvReader | undefined): EnvFormat {
  return kind === 'env' ? { kind, readers: reader === undefined ? ['podman', 'systemd'] : [reader] } : { kind };
}
