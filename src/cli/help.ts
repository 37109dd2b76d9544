// What each command's --help ends with: its exit statuses, listed by one rule, and an example.

import { EXIT, type ExitName } from '../core/exit.ts';

/** What an exit status means where a command has no better words for it. */
export const EXIT_WORDS: Readonly<Record<ExitName, string>> = {
  DONE: 'done',
  FAILED: 'a part of it failed; the lines on stderr say which',
  DRIFT: 'something would change',
  LEFT: 'something was left as it was; the lines on stderr say what',
  USAGE: 'the command line is wrong',
  DATA: 'what was given or stored cannot be used',
  NO_INPUT: 'something that was named is not there',
  UNAVAILABLE: 'the service, the provider or the key cannot be reached',
  INTERNAL: 'a bug in psi',
  CANNOT_CREATE: 'something else is in its place',
  HOST: 'podman, systemd or a file of the host refused',
  TRY_LATER: 'not now: the same again later may succeed',
  DENIED: 'access was denied',
  CONFIG: 'the config has problems',
  HUNG_UP: 'its terminal went away (SIGHUP), which ended it',
  INTERRUPTED: 'it was ended by Ctrl-C (SIGINT); the lines on stderr say what was not done',
  TERMINATED: 'it was ended by SIGTERM; the lines on stderr say what was not done',
};

/** The statuses that a command can end with; undefined words: those of EXIT_WORDS. */
export type ExitStatuses = Readonly<Partial<Record<ExitName, string>>>;

const { DONE, USAGE, INTERNAL } = EXIT_WORDS;
/** Those that every command has. */
const EVERYWHERE: ExitStatuses = { DONE, USAGE, INTERNAL };

/** The statuses with these names, in the usual words. */
export function exits(...names: readonly ExitName[]): ExitStatuses {
  return Object.fromEntries(names.map((name) => [name, EXIT_WORDS[name]]));
}

/** Of a command that asks the running service, which hands on what its host, its key and its providers answer. */
export const ASKS_SERVICE = exits('DATA', 'NO_INPUT', 'UNAVAILABLE', 'HOST', 'TRY_LATER', 'DENIED', 'CONFIG');

/** Of a command that a signal ends in an orderly way. */
export const ENDED = exits('HUNG_UP', 'INTERRUPTED', 'TERMINATED');

/** Of a command that asks the provider itself. */
export const ASKS_PROVIDER = exits('DATA', 'NO_INPUT', 'UNAVAILABLE', 'TRY_LATER', 'DENIED', 'CONFIG');

/** By number, those of every command included. */
export function exitStatuses(own: ExitStatuses): readonly (readonly [number, string])[] {
  return (Object.entries({ ...EVERYWHERE, ...own }) as readonly [ExitName, string][])
    .map(([name, words]) => [EXIT[name], words] as const)
    .toSorted(([a], [b]) => a - b);
}

export function afterHelp(own: ExitStatuses, example: string): string {
  const lines = exitStatuses(own).map(([status, words]) => `  ${String(status).padEnd(4)}${words}`);
  return ['', 'Exit status:', ...lines, '', 'Example:', `  ${example}`].join('\n');
}
