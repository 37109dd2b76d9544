// What every command is made of: what it is given, what it answers, and the one way in which an answer is printed.

import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError, issuesAsJson, type LocatedIssue } from '../config/findings/issue.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { Line } from '../core/text/line.ts';
import { stackOf } from '../core/text/stack.ts';
import { visibleJson } from '../core/text/visible.ts';
import type { ControlClient } from '../faces/control/client.ts';
import { afterHelp, type ExitStatuses } from './help.ts';
import type { Caller } from './caller.ts';
import type { Terminal } from './terminal.ts';

/** What a command is given. `Needs` is what it asks of the composition root, which it states itself. */
export type Cli<Needs = unknown> = {
  readonly terminal: Terminal;
  readonly caller: Caller;
  /** Of `--config`; undefined: it was not given. */
  readonly configFile: () => string | undefined;
  readonly config: () => Promise<Config>;
  /** For what goes on while the file is refused: with the last good config, and a word about it. */
  readonly configOrLastGood: () => Promise<Config>;
  /** For what comes before the first config of a host. */
  readonly configOrDefaults: () => Promise<Config>;
  /** For what takes the config file as it is. */
  readonly client: () => Promise<ControlClient>;
  /** For what must not fail because somebody is editing the config. Says whose fault it is where a refused config names no socket that is served. */
  readonly clientWhateverConfig: (whenDown: 'blame the config' | 'blame the service') => Promise<ControlClient>;
  /** Where lookups are asked: as the unit names it, else as the config does, whatever is wrong with that. */
  readonly driverSocket: () => Promise<string>;
  readonly compose: () => Promise<Needs>;
  readonly formatIssues: (issues: readonly LocatedIssue[]) => Promise<readonly Line[]>;
  readonly done: (exit: number) => void;
};

/** Of each command that is made with `completedWithJson`. */
export type JsonFlag = { readonly json: boolean };

/** How a command ends. */
export type Ending = {
  readonly exit: number;
  /** For people; not called with `--json`. */
  readonly print: () => void | Promise<void>;
  /** What `--json` carries: plain data. */
  readonly result?: unknown;
  readonly failure?: Failure | null;
  /** Problems of the config, beside the failure that they are. */
  readonly issues?: readonly LocatedIssue[];
};

/** Raised when a field goes, or comes to mean something else: fields are added under the same one. */
const ENVELOPE_FORMAT = 1;

export type Envelope = {
  readonly format: typeof ENVELOPE_FORMAT;
  /** Without `psi`: `cache status`. */
  readonly command: string;
  readonly exit: number;
  readonly result: unknown;
  readonly failure: Failure | null;
  readonly issues?: ReturnType<typeof issuesAsJson>;
};

export type CommandSpec<Given extends readonly unknown[]> = {
  readonly exits: ExitStatuses;
  readonly example: string;
  /** Its arguments, then its flags, as commander gives them. */
  readonly run: (...given: Given) => Promise<Ending>;
};

const SPECS = new WeakMap<Command, ExitStatuses>();

/** Makes `command` one that prints for people alone. */
export function completed<Given extends readonly unknown[]>(
  command: Command,
  cli: Cli,
  { exits, example, run }: CommandSpec<Given>,
): void {
  SPECS.set(command, exits);
  command.addHelpText('after', afterHelp(exits, example)).action(async (...given: Given) => {
    cli.done(await settle(command, cli, () => run(...given)));
  });
}

/** Makes `command` one that answers with data too, in the one envelope. */
export function completedWithJson<Given extends readonly unknown[]>(
  command: Command,
  cli: Cli,
  spec: CommandSpec<Given>,
): void {
  completed(command.option('--json', 'print the answer as one JSON object', false), cli, spec);
}

/** The exit statuses that a command of the tree states; undefined: it is a group, or states none. */
export function statedExits(command: Command): ExitStatuses | undefined {
  return SPECS.get(command);
}

async function settle(command: Command, cli: Cli, work: () => Promise<Ending>): Promise<number> {
  const answer = await work().catch((thrown: unknown) => thrownAnswer(cli, thrown));
  cli.terminal.progress('');
  if (command.opts<{ json?: boolean }>().json === true) {
    cli.terminal.data(visibleJson(JSON.stringify(envelope(command, answer))));
  } else await answer.print();
  return answer.exit;
}

function envelope(command: Command, { exit, result = null, failure = null, issues }: Ending): Envelope {
  const problems = issues === undefined ? {} : { issues: issuesAsJson(issues) };
  return { format: ENVELOPE_FORMAT, command: pathOf(command), exit, result, failure, ...problems };
}

function pathOf(command: Command): string {
  const { parent } = command;
  if (parent === null) return '';
  return parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

/** The answer of a command that failed as a whole. */
export function failedAnswer(
  { terminal, formatIssues }: Pick<Cli, 'terminal' | 'formatIssues'>,
  end: { readonly failure: Failure; readonly exit: number; readonly issues?: readonly LocatedIssue[] | undefined },
): Ending {
  const { failure, exit, issues } = end;
  return {
    exit,
    failure,
    ...(issues === undefined ? {} : { issues }),
    print: async () => {
      if (issues !== undefined) for (const line of await formatIssues(issues)) terminal.error(line);
      terminal.fail(failure);
    },
  };
}

export function thrownAnswer(cli: Pick<Cli, 'terminal' | 'formatIssues'>, thrown: unknown): Ending {
  const error = toPsiError(thrown);
  const issues = error instanceof ConfigError ? error.issues : undefined;
  const answer = failedAnswer(cli, { failure: failureOf(error), exit: exitCode(error.code), issues });
  if (error.code !== 'INTERNAL' || !(error.cause instanceof Error)) return answer;
  const { cause } = error;
  return {
    ...answer,
    print: async () => {
      await answer.print();
      for (const line of stackOf(cause).split('\n')) cli.terminal.error(line);
    },
  };
}

/** For a stream of the service that stops without its last event. */
export function endedEarly(): PsiError {
  return new PsiError('SERVICE_DOWN', 'the service ended its answer without a report', {
    hint: 'see `journalctl -u psi`',
  });
}
