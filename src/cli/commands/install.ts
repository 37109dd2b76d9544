// `psi install` and `psi systemd install`: what they did to the host, line by line, and what to run next.

import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { EXIT } from '../../core/exit.ts';
import { painted, type Style } from '../../core/text/line.ts';
import type { HostChange } from '../../host/change.ts';
import type { Completions, HostCommandReport, WithHostCommand } from '../../host/command/put.ts';
import type { InstallOptions, InstallReport } from '../../host/install.ts';
import type { SystemdInstallOptions, SystemdInstallReport } from '../../host/systemd-install.ts';
import { completed, type Cli } from '../command.ts';
import { completionsOf } from './completion.ts';
import { exits } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export type InstallNeeds = {
  readonly install: (
    config: Config,
    options: InstallOptions,
    completions: Completions,
  ) => Promise<WithHostCommand<InstallReport>>;
  readonly systemdInstall: (
    config: Config,
    options: SystemdInstallOptions,
    completions: Completions,
  ) => Promise<WithHostCommand<SystemdInstallReport>>;
};

export function addInstall(program: Command, cli: Cli<InstallNeeds>): void {
  completed(
    program
      .command('install')
      .description(
        'prepare this host: folders, the header file, the command psi, the lookup helper, and the default driver if asked',
      )
      .option('--default-driver', 'make psi the default secret driver of this host (containers.conf.d/psi.conf)', false)
      .option('--no-helper', 'without the lookup helper: lookups go by curl, and a helper that is there is removed')
      .option('--stdout', 'print the files instead of writing them', false),
    cli,
    {
      exits: {
        LEFT: 'all is in place but the command psi on the host, or the lookup helper: the lines on stderr say why, and what to do instead',
        ...exits('CANNOT_CREATE', 'HOST', 'CONFIG'),
      },
      example: 'psi install --stdout',
      run: async (flags: InstallOptions) => {
        const config = await cli.configOrDefaults();
        const report = await (await cli.compose()).install(config, flags, completionsOf(program));
        const { hostCommand, helper } = report;
        return {
          exit: hostCommand.left.length + helper.left.length > 0 ? EXIT.LEFT : EXIT.DONE,
          print: () => {
            printInstall(cli.terminal, report, flags.stdout);
            printPlaced(cli.terminal, hostCommand);
            printPlaced(cli.terminal, helper);
          },
        };
      },
    },
  );
}

export function addSystemdInstall(program: Command, cli: Cli<InstallNeeds>): void {
  completed(
    program
      .command('systemd')
      .description('units of this host')
      .command('install')
      .description('write the units psi runs under, its setup and its refresh, rendered from the config')
      .option('--image <ref>', 'image of the psi container')
      .option('--unprivileged', 'the least rights that work instead of --privileged; kept by later runs')
      .option('--no-unprivileged', 'with --privileged again')
      .option('--pcscd', 'a smart card daemon too: for an HSM on a host that has no pcscd', false)
      .option('--enable', 'enable them at boot and reload systemd', false),
    cli,
    {
      exits: {
        FAILED: 'the units are written, but systemd did not read them',
        ...exits('CANNOT_CREATE', 'HOST', 'CONFIG'),
      },
      example: 'psi systemd install --enable',
      run: async (
        flags: Omit<SystemdInstallOptions, 'image' | 'unprivileged'> & { image?: string; unprivileged?: boolean },
      ) => {
        const config = await cli.configOrDefaults();
        const options = { image: undefined, unprivileged: undefined, ...flags };
        const report = await (await cli.compose()).systemdInstall(config, options, completionsOf(program));
        return {
          exit: report.reload === 'failed' ? EXIT.FAILED : EXIT.DONE,
          print: () => {
            printPlaced(cli.terminal, report.hostCommand);
            printSystemdInstall(cli.terminal, report);
          },
        };
      },
    },
  );
}

function printInstall(terminal: Terminal, report: WithHostCommand<InstallReport>, stdout: boolean): void {
  if (stdout) {
    for (const { path, mode } of report.folders) terminal.out(`# folder ${path} ${octal(mode)}`);
    if (report.headerFilePath !== undefined)
      terminal.out(`# file ${report.headerFilePath} 0600 (the socket token, not shown)`);
    for (const { path, mode, text } of [...report.files, ...report.hostCommand.planned]) {
      terminal.out(`# file ${path} ${octal(mode)}`);
      terminal.data(text);
    }
    const { planned } = report.helper;
    if (planned)
      terminal.out(
        `# file ${planned.path} ${octal(planned.mode)} (the lookup helper, a program of ${String(planned.bytes)} bytes)`,
      );
  }
  printChanges(terminal, report.changes);
  for (const note of [...report.notes, ...report.helper.notes]) terminal.note(note);
}

function printSystemdInstall(terminal: Terminal, report: SystemdInstallReport): void {
  printChanges(terminal, report.changes);
  terminal.out(`image: ${report.image}`);
  terminal.out(`rights: ${rightsText(report)}`);
  for (const note of report.notes) terminal.note(note);
  for (const command of report.next) terminal.out(`next: ${command}`);
  if (report.reload === 'failed') terminal.fail(report.reloadError ?? { message: 'systemd could not be reached' });
}

function printPlaced(terminal: Terminal, { changes, left }: Pick<HostCommandReport, 'changes' | 'left'>): void {
  printChanges(terminal, changes);
  for (const { subject, reason, hint } of left) terminal.fail({ message: reason, hint }, { word: 'left', subject });
}

function rightsText({ unprivileged, rights }: SystemdInstallReport): string {
  const now = unprivileged ? 'the least that work' : '--privileged';
  const other = unprivileged ? '--no-unprivileged' : '--unprivileged';
  if (rights === 'kept') return `${now}, as psi.container had it (\`${other}\` changes it)`;
  return rights === 'changed'
    ? `${now}; psi.container had ${unprivileged ? '--privileged' : 'the least'} until now`
    : now;
}

const COLOURS: Readonly<Partial<Record<HostChange['change'], Style>>> = { unchanged: 'dim', removed: 'red' };

function printChanges(terminal: Terminal, changes: readonly HostChange[]): void {
  for (const { path, change } of changes) {
    terminal.out([painted(COLOURS[change] ?? 'green', change), ` ${path}`]);
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
