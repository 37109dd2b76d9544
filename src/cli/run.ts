// The command line: one run of it, from its words to its exit status. What there is to run stands in commands.ts.

import { Command, CommanderError, Help, type Option } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError, type LocatedIssue } from '../config/findings/issue.ts';
import { EXIT } from '../core/exit.ts';
import type { Line } from '../core/text/line.ts';
import { ControlClient } from '../faces/control/client.ts';
import { thrownAnswer, type Cli } from './command.ts';
import { addCommands, type Composition } from './commands.ts';
import { hintLine, type Terminal } from './terminal.ts';

export type CliDeps = {
  readonly terminal: Terminal;
  readonly version: string;
  readonly loadConfig: (path: string | undefined) => Promise<Config>;
  /** What holds where there is no config file yet. */
  readonly defaultConfig: () => Config;
  readonly formatIssues: (issues: readonly LocatedIssue[]) => Promise<readonly Line[]>;
  readonly compose: () => Promise<Composition>;
  /** The client of the service at this socket; another one in tests. */
  readonly connect?: (socketPath: string) => ControlClient;
};

/** Runs one command line (without node and script) and resolves to its exit status. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  let status: number = EXIT.DONE;
  const program = build(deps, (exit) => {
    status = exit;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (thrown) {
    // commander has printed its message already; `--help` and `--version` end here too, with exit 0.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.DONE : EXIT.USAGE;
    const answer = thrownAnswer(deps, thrown);
    await answer.print();
    return answer.exit;
  }
}

/** The whole tree of commands. */
export function build(deps: CliDeps, done: (exit: number) => void): Command {
  const { terminal } = deps;
  const program = new Command('psi')
    .description('PSI gives Podman containers their secrets from Infisical at the moment they start.')
    .version(deps.version)
    .option('-c, --config <file>', 'configuration file (default: $PSI_CONFIG, then /etc/psi/config.yaml)')
    .exitOverride()
    .configureHelp({ optionDescription })
    .configureOutput({
      // One width everywhere: help reads the same in a terminal, a pager and a journal.
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
      writeOut: (text) => {
        for (const line of linesOf(text)) terminal.out(line);
      },
      writeErr: (text) => {
        for (const line of linesOf(text)) terminal.error(line);
      },
      outputError: (text, write) => {
        write(`${text.trimEnd()}\n${hintLine('see `psi --help`')}`);
      },
    })
    .showHelpAfterError(false);
  addCommands(
    program,
    cliOf(deps, () => program.opts<{ config?: string }>().config, done),
  );
  return program;
}

function cliOf(deps: CliDeps, configFile: () => string | undefined, done: (exit: number) => void): Cli<Composition> {
  const { terminal, compose, formatIssues, connect = (socketPath: string) => new ControlClient(socketPath) } = deps;
  const config = (): Promise<Config> => deps.loadConfig(configFile());
  const defaultsIf = (isGood: (error: ConfigError) => boolean): Promise<Config> =>
    config().catch((error: unknown) => {
      if (error instanceof ConfigError && isGood(error)) return deps.defaultConfig();
      throw error;
    });
  return {
    terminal,
    compose,
    formatIssues,
    done,
    config,
    configOrDefaults: () => defaultsIf(({ issues }) => issues[0]?.code === 'NO_FILE'),
    client: async () => connect((await config()).controlSocket),
    clientWhateverConfig: async () => connect((await defaultsIf(() => true)).controlSocket),
  };
}

function linesOf(text: string): readonly string[] {
  return text.trimEnd().split('\n');
}

/** Without the default of a switch, which is off unless it is given. */
function optionDescription(option: Option): string {
  return option.required || option.optional ? new Help().optionDescription(option) : option.description;
}
