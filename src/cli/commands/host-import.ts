// `psi infisical import podman-secret` and `… quadlet`: what becomes of each key, and what is left to do.

import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { PsiError } from '../../core/error.ts';
import { painted } from '../../core/text/line.ts';
import type { PodmanFound, PodmanSelection } from '../../transfer/import/podman.ts';
import type { QuadletReport, QuadletRequest } from '../../transfer/import/quadlet.ts';
import type { ImportEvent } from '../../transfer/import/report.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { withTools, type InfisicalNeeds, type InfisicalTools, type ProjectTarget } from '../infisical-tools.ts';
import type { Terminal } from '../terminal.ts';
import {
  IMPORT_EXITS,
  importFound,
  printImportReport,
  showImportEvent,
  withImport,
  type ImportFlags,
} from './import.ts';

/** `file`: a name without a folder is one of the quadlet folder. */
export type QuadletFlags = ProjectTarget &
  Pick<QuadletRequest, 'resolveSecrets' | 'conflict' | 'dryRun' | 'rewrite'> & {
    readonly file: string;
    readonly path: string;
  };

export type HostImportNeeds = {
  readonly readPodmanSecrets: (config: Config, selection: PodmanSelection) => Promise<PodmanFound>;
  readonly importQuadlet: (
    config: Config,
    tools: InfisicalTools,
    flags: QuadletFlags,
    emit: (event: ImportEvent) => void,
  ) => Promise<QuadletReport>;
};

type Flags = ImportFlags & {
  readonly all: boolean;
  readonly name?: readonly string[];
  readonly key: ReadonlyMap<string, string>;
};

/** `group`: `psi infisical import`. */
export function addHostImports(group: Command, cli: Cli<InfisicalNeeds & HostImportNeeds>): void {
  addPodmanSecret(group, cli);
  addQuadlet(group, cli);
}

function addPodmanSecret(group: Command, cli: Cli<InfisicalNeeds & HostImportNeeds>): void {
  const command = withImport(
    group
      .command('podman-secret')
      .description("podman's own secrets; those that psi registered are left out")
      .addOption(new Option('--all', 'all of them').conflicts('name').default(false))
      .option('--name <name>', 'this one (may be repeated)', collected)
      .addOption(
        new Option('--key <name=key>', 'import the secret NAME as KEY (may be repeated)')
          .argParser(renamed)
          .default(new Map(), 'as it is named'),
      ),
  );
  completedWithJson(command, cli, {
    exits: IMPORT_EXITS,
    example:
      'podman exec psi psi infisical import podman-secret --name db-password --key db-password=DB_PASSWORD --project myproject --path /myapp',
    run: async ({ all, name, key, ...flags }: Flags) => {
      if (!all && name === undefined) {
        throw new PsiError('USAGE', 'neither --all nor --name says which secrets', {
          hint: 'psi infisical import podman-secret --name NAME --project P --path /myapp, or --all',
        });
      }
      return withTools(cli, flags, async (tools, config) => {
        const { terminal } = cli;
        terminal.progress('reading the secrets from podman');
        const selection = { names: all ? undefined : name, keys: key };
        const found = await (await cli.compose()).readPodmanSecrets(config, selection);
        terminal.progress('');
        noteLeftOut(terminal, found.leftOut, all);
        return importFound(tools, terminal, found, flags);
      });
    },
  });
}

/** One line, however many there are; those that somebody asked for by name are named. */
function noteLeftOut(terminal: Terminal, leftOut: readonly string[], all: boolean): void {
  const [only] = leftOut;
  if (only === undefined) return;
  if (leftOut.length === 1) {
    terminal.note(`${only} is left out: psi registered it, its value is infisical's`);
    return;
  }
  const which = all ? `${String(leftOut.length)} secrets` : leftOut.join(', ');
  terminal.note(`${which} are left out: psi registered them, their values are infisical's`);
}

function addQuadlet(group: Command, cli: Cli<InfisicalNeeds & HostImportNeeds>): void {
  const { terminal } = cli;
  const command = withImport(
    group
      .command('quadlet')
      .description('the variables and secrets that a container gets from its quadlet and its drop-ins')
      .argument('<file>', 'a .container file; a name alone is one of the quadlet folder'),
  )
    .option(
      '--resolve-secrets',
      'also what comes from podman secrets (Secret=NAME): variables, and files with path, mode and owner',
      false,
    )
    .option('--rewrite', 'take out of the quadlet what infisical now holds with the same value; keeps a backup', false);
  completedWithJson(command, cli, {
    exits: IMPORT_EXITS,
    example:
      'podman exec psi psi infisical import quadlet myapp.container --resolve-secrets --project myproject --path /myapp',
    run: (file: string, flags: ImportFlags & Pick<QuadletRequest, 'resolveSecrets' | 'rewrite'>) =>
      withTools(cli, flags, async (tools, config) => {
        const { project, environment, path, conflict, dryRun, resolveSecrets, rewrite } = flags;
        const request = { project, environment, path, conflict, dryRun, resolveSecrets, rewrite, file };
        const composition = await cli.compose();
        const report = await composition.importQuadlet(config, tools, request, (event) => {
          showImportEvent(terminal, event);
        });
        return {
          exit: report.exit,
          result: report,
          print: () => {
            printImportReport(terminal, report);
            printQuadletSteps(terminal, report, rewrite);
          },
        };
      }),
  });
}

/** What stands beside the keys: what was taken out of which file, and what is left to do. Never a value. */
function printQuadletSteps(terminal: Terminal, report: QuadletReport, rewrite: boolean): void {
  for (const note of report.notes) terminal.note(note);
  for (const { path, removed, backup } of report.edits) {
    const word = backup === null ? (rewrite ? 'would edit' : '--rewrite would edit') : 'edited';
    terminal.out([painted(backup === null ? 'dim' : 'green', word), ` ${path}`]);
    for (const line of removed) terminal.out(`  - ${line}`);
    if (backup !== null) terminal.note(`${backup} holds the old values: remove it when the unit runs`);
  }
  if (report.editFailure) terminal.fail(report.editFailure);
  if (!report.next || report.dryRun) return;
  if (report.next.config !== undefined) {
    terminal.out('next: put this into the config:');
    for (const line of report.next.config.split('\n')) terminal.out(`    ${line}`);
  }
  for (const command of report.next.commands) terminal.out(`next: ${command}`);
}

function collected(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name];
}

function renamed(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, key] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || key === undefined) throw new InvalidArgumentError('it has the form NAME=KEY.');
  return new Map([...before, [name, key]]);
}
