// Which names can be variables, and which of them belong to a shell. Pure.

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Found with dash, bash (in both of its modes) and busybox: assigned, each of these is refused, or reads as something else afterwards. */
const KEPT_BY_THE_SHELL = new Set([
  '_',
  'BASHOPTS',
  'BASHPID',
  'BASH_ALIASES',
  'BASH_ARGC',
  'BASH_ARGV',
  'BASH_CMDS',
  'BASH_COMMAND',
  'BASH_LINENO',
  'BASH_MONOSECONDS',
  'BASH_REMATCH',
  'BASH_SOURCE',
  'BASH_SUBSHELL',
  'BASH_VERSINFO',
  'DIRSTACK',
  'EPOCHREALTIME',
  'EPOCHSECONDS',
  'EUID',
  'FUNCNAME',
  'GROUPS',
  'HISTCMD',
  'LINENO',
  'OPTIND',
  'PIPESTATUS',
  'PPID',
  'RANDOM',
  'SECONDS',
  'SHELLOPTS',
  'SHLVL',
  'SRANDOM',
  'UID',
]);

/** The value of these is run, or expanded, by a shell that shows a prompt, looks for mail or starts another: `ENV` by every POSIX shell. */
const RUN_BY_THE_SHELL = new Set(['BASH_ENV', 'ENV', 'MAILPATH', 'PROMPT_COMMAND', 'PS0', 'PS1', 'PS2', 'PS4']);

export function isVariableName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Why assigning it in a shell is no way to hand on a value. It is more than a nuisance: bash evaluates what is assigned to RANDOM and its
 * like as arithmetic, in which `a[$(…)]` runs a command.
 */
export function shellObjection(name: string): string | undefined {
  if (KEPT_BY_THE_SHELL.has(name)) return 'it is a variable of the shell itself';
  return RUN_BY_THE_SHELL.has(name) ? 'a shell would run its value as a command' : undefined;
}
