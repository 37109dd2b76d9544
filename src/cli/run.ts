// The command line: one run of it, from its words to its exit status. What there is to run stands in commands.ts.

import { Command, CommanderError, Help, type Option } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError, type LocatedIssue } from '../config/findings/issue.ts';
import type { PsiError } from '../core/error.ts';
import { EXIT } from '../core/exit.ts';
import type { Line } from '../core/text/line.ts';
import { ControlClient } from '../faces/control/client.ts';
import { PATIENT_CALLER, type Caller } from './caller.ts';
import { thrownAnswer, type Cli } from './command.ts';
import { addCommands, type Composition } from './commands.ts';
import { hintLine, type Terminal } from './terminal.ts';

export type CliDeps = {
  readonly terminal: Terminal;
  /** Default: one that interrupts nothing. */
  readonly caller?: Caller;
  readonly version: string;
  readonly loadConfig: (path: string | undefined) => Promise<Config>;
  /** What holds where there is no config file yet. */
  readonly defaultConfig: () => Config;
  /** The config that the service falls back to; undefined: none is kept, or it is not good either. */
  readonly lastGoodConfig: () => Promise<Config | undefined>;
  /** Where the unit says that the service listens; undefined: it does not say. */
  readonly controlSocket?: string | undefined;
  /** The same of the driver's socket. */
  readonly driverSocket?: string | undefined;
  readonly formatIssues: (issues: readonly LocatedIssue[]) => Promise<readonly Line[]>;
  readonly compose: () => Promise<Composition>;
  /** The client of the service at the first of these sockets that is served; another one in tests. */
  readonly connect?: (socketPaths: readonly string[], whenDown?: PsiError) => ControlClient;
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
  const { terminal, caller = PATIENT_CALLER, compose, formatIssues, connect = connectTo } = deps;
  const config = (): Promise<Config> => deps.loadConfig(configFile());
  const otherwise = (other: (error: ConfigError) => Promise<Config | undefined>): Promise<Config> =>
    config().catch(async (error: unknown) => {
      const found = error instanceof ConfigError ? await other(error) : undefined;
      if (found === undefined) throw error;
      return found;
    });
  // Of another file than the service's own nothing is kept.
  const lastGood = async (): Promise<Config | undefined> =>
    configFile() === undefined ? await deps.lastGoodConfig() : undefined;
  const namedByUnit = (): readonly string[] =>
    configFile() === undefined && deps.controlSocket !== undefined ? [deps.controlSocket] : [];
  return {
    terminal,
    caller,
    compose,
    formatIssues,
    done,
    configFile,
    config,
    configOrLastGood: () =>
      otherwise(async ({ message }) => {
        const found = await lastGood();
        if (found) terminal.note(`${message}; going on with the last good config (\`psi check\` says more)`);
        return found;
      }),
    configOrDefaults: () =>
      otherwise(({ issues }) => Promise.resolve(issues[0]?.code === 'NO_FILE' ? deps.defaultConfig() : undefined)),
    driverSocket: async () => {
      if (configFile() === undefined && deps.driverSocket !== undefined) return deps.driverSocket;
      return (await otherwise(async () => (await lastGood()) ?? deps.defaultConfig())).socket;
    },
    client: async () => connect([(await config()).controlSocket, ...namedByUnit()]),
    clientWhateverConfig: async (whenDown) => {
      const refused: { error?: ConfigError } = {};
      const { controlSocket } = await otherwise(async (error) => {
        if (whenDown === 'blame the config') refused.error = error;
        // The service knows of its own file alone.
        if (refused.error && configFile() !== undefined) return undefined;
        return (await lastGood()) ?? deps.defaultConfig();
      });
      return connect([controlSocket, ...namedByUnit()], refused.error);
    },
  };
}

function connectTo(socketPaths: readonly string[], whenDown?: PsiError): ControlClient {
  return new ControlClient(socketPaths, whenDown);
}

function linesOf(text: string): readonly string[] {
  return text.trimEnd().split('\n');
}

/** Without the default of a switch, which is off unless it is given. */
function optionDescription(option: Option): string {
  return option.required || option.optional ? new Help().optionDescription(option) : option.description;
}
