// `psi install` and `psi systemd install`: what they did to the host, line by line, and what to run next.

import type { Config } from '../../config/config.ts';
import type { HostChange } from '../../host/change.ts';
import type { InstallOptions } from '../../host/install.ts';
import type { SystemdInstallOptions } from '../../host/systemd-install.ts';
import type { Composition } from '../composition.ts';
import type { Terminal } from '../terminal.ts';

export async function installCommand(
  config: Config,
  composition: Composition,
  terminal: Terminal,
  options: InstallOptions,
): Promise<number> {
  const report = await composition.install(config, options);
  if (options.stdout) {
    for (const { path, mode } of report.folders) terminal.out(`# folder ${path} ${octal(mode)}`);
    if (report.headerFilePath !== undefined)
      terminal.out(`# file ${report.headerFilePath} 0600 (the socket token, not shown)`);
    for (const { path, mode, text } of report.files) terminal.out(`# file ${path} ${octal(mode)}\n${text}`);
  }
  printChanges(terminal, report.changes);
  for (const note of report.notes) terminal.error(`note: ${note}`);
  return 0;
}

export async function systemdInstallCommand(
  config: Config,
  composition: Composition,
  terminal: Terminal,
  options: SystemdInstallOptions,
): Promise<number> {
  const report = await composition.systemdInstall(config, options);
  printChanges(terminal, report.changes);
  terminal.out(`image: ${report.image}`);
  for (const command of report.next) terminal.out(`next: ${command}`);
  if (report.reload !== 'failed') return 0;
  terminal.error(`error: ${report.reloadError?.message ?? 'systemd could not be reached'}`);
  if (report.reloadError?.hint !== undefined) terminal.error(`hint: ${report.reloadError.hint}`);
  return 1;
}

function printChanges(terminal: Terminal, changes: readonly HostChange[]): void {
  for (const { path, change } of changes) {
    terminal.out(`${terminal.paint(change === 'unchanged' ? 'dim' : 'green', change)} ${path}`);
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
