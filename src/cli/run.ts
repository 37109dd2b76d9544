// The command line: commands, flags and help. Each action returns an exit status; errors end as `error:` and `hint:` lines.

import { Command, CommanderError, Option } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError, type LocatedIssue } from '../config/findings/issue.ts';
import { toPsiError } from '../core/error.ts';
import { exitCode } from '../core/exit.ts';
import type { Composition } from './composition.ts';
import type { InstallOptions } from '../host/install.ts';
import type { SystemdInstallOptions } from '../host/systemd-install.ts';
import { addCacheCommands } from './cache-commands.ts';
import { addCompletionCommand } from './completion-commands.ts';
import { installCommand, systemdInstallCommand } from './commands/install.ts';
import { serveCommand } from './commands/serve.ts';
import { setupCommand } from './commands/setup.ts';
import { statusCommand } from './commands/status.ts';
import { ControlClient } from '../faces/control/client.ts';
import { example } from './help.ts';
import { addHostImportCommands } from './host-import-commands.ts';
import { addImportCommands } from './import-commands.ts';
import { addReadCommands } from './read-commands.ts';
import { addLoginCommands } from './login-commands.ts';
import { reportError, type Terminal } from './terminal.ts';
import { addTlsCommands } from './tls-commands.ts';

export type CliDeps = {
  readonly terminal: Terminal;
  readonly version: string;
  readonly loadConfig: (path: string | undefined) => Promise<Config>;
  /** What holds where there is no config file yet. */
  readonly defaultConfig: () => Config;
  readonly formatIssues: (issues: readonly LocatedIssue[]) => Promise<string>;
  readonly compose: () => Promise<Composition>;
};

/** Runs one command line (without node and script) and resolves to its exit status. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { terminal } = deps;
  let status = 0;
  const program = build(deps, (exit) => {
    status = exit;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (thrown) {
    // commander has printed its message already; `--help` and `--version` end here too, with exit 0.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCode('USAGE');
    if (thrown instanceof ConfigError) terminal.error(await deps.formatIssues(thrown.issues));
    return reportError(terminal, toPsiError(thrown));
  }
}

function build(deps: CliDeps, done: (exit: number) => void): Command {
  const { terminal } = deps;
  const program = new Command('psi')
    .description('PSI gives Podman containers their secrets from Infisical at the moment they start.')
    .version(deps.version)
    .option('-c, --config <file>', 'configuration file (default: $PSI_CONFIG, then /etc/psi/config.yaml)')
    .exitOverride()
    .configureOutput({
      // One width everywhere: help reads the same in a terminal, a pager and a journal.
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
      writeOut: (text) => {
        terminal.out(text.trimEnd());
      },
      writeErr: (text) => {
        terminal.error(text.trimEnd());
      },
      outputError: (text, write) => {
        write(`${text.trimEnd()}\nhint: see \`psi --help\``);
      },
    })
    .showHelpAfterError(false);
  const config = (): Promise<Config> => deps.loadConfig(program.opts<{ config?: string }>().config);
  // The first install of a bare host comes before its config.
  const configOrDefaults = (): Promise<Config> =>
    config().catch((error: unknown) => {
      if (error instanceof ConfigError && error.issues[0]?.code === 'NO_FILE') return deps.defaultConfig();
      throw error;
    });
  const client = async (): Promise<ControlClient> => new ControlClient((await config()).controlSocket);
  // The health check of a service that runs must not fail because somebody is editing the config.
  const clientWhateverConfig = (): Promise<ControlClient> =>
    client().catch((error: unknown) => {
      if (error instanceof ConfigError) return new ControlClient(deps.defaultConfig().controlSocket);
      throw error;
    });

  program
    .command('serve')
    .description('answer lookups; what the psi container runs')
    .addHelpText('after', example('psi serve --config /etc/psi/config.yaml'))
    .action(async () => {
      done(await serveCommand(await config(), await deps.compose()));
    });

  program
    .command('setup')
    .description('register the secrets of all workloads with Podman and write their drop-ins')
    .option('--provider <name>', 'only workloads of this provider')
    .option('--workload <name>', 'only this workload')
    .option('--dry-run', 'print what would change, change nothing; exit status 3 if anything would', false)
    .option('--json', 'print the report as one JSON object', false)
    .addHelpText('after', example('podman exec psi psi setup --dry-run'))
    .action(async (flags: { provider?: string; workload?: string; dryRun: boolean; json: boolean }) => {
      const options = { provider: flags.provider, workload: flags.workload, dryRun: flags.dryRun, json: flags.json };
      done(await setupCommand(await client(), terminal, options, deps.formatIssues));
    });

  program
    .command('install')
    .description('prepare this host: folders, the header file, and the default driver if asked')
    .option('--default-driver', 'make psi the default secret driver of this host (containers.conf.d/psi.conf)', false)
    .addOption(new Option('--stdout', 'print the files instead of writing them').default(false))
    .addHelpText('after', example('psi install --stdout'))
    .action(async (flags: InstallOptions) => {
      done(await installCommand(await configOrDefaults(), await deps.compose(), terminal, flags));
    });

  program
    .command('systemd')
    .description('units of this host')
    .command('install')
    .description('write the units psi runs under, its setup and its refresh, rendered from the config')
    .option('--image <ref>', 'image of the psi container')
    .option('--unprivileged', 'the least rights that work instead of --privileged', false)
    .option('--pcscd', 'a smart card daemon too: for an HSM on a host that has no pcscd', false)
    .option('--enable', 'enable them at boot and reload systemd', false)
    .addHelpText('after', example('psi systemd install --enable'))
    .action(async (flags: Omit<SystemdInstallOptions, 'image'> & { image?: string }) => {
      const options = { image: undefined, ...flags };
      done(await systemdInstallCommand(await configOrDefaults(), await deps.compose(), terminal, options));
    });

  program
    .command('status')
    .description('what the running service holds and what failed last')
    .option('--json', 'print it as one JSON object', false)
    .addHelpText('after', example('podman exec psi psi status'))
    .action(async (flags: { json: boolean }) => {
      done(await statusCommand(await clientWhateverConfig(), terminal, flags.json));
    });
  addCacheCommands(program, { terminal, client, done });
  const infisical = program
    .command('infisical')
    .description('what people do with Infisical: log in, read, import, certificates');
  addLoginCommands(infisical, { terminal, config, compose: deps.compose, done });
  addReadCommands(infisical, { terminal, config, compose: deps.compose, done });
  const imports = addImportCommands(infisical, { terminal, config, compose: deps.compose, done });
  addHostImportCommands(imports, { terminal, config, compose: deps.compose, done });
  addTlsCommands(infisical, { terminal, config, compose: deps.compose, done });
  addCompletionCommand(program, { terminal });
  return program;
}
