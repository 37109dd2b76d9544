// Completion for bash. Needs no bash-completion package.

import { shellQuoted } from '../../core/text/shell.ts';
import type { CompletionCommand, CompletionModel, CompletionOption, Value } from './model.ts';

export function bashCompletion({ commands, everywhere }: CompletionModel): string {
  const values = [...commands.flatMap(({ path, options }) => valued(key(path), options)), ...valued('*', everywhere)];
  return [
    '# bash completion for psi, written by `psi completion bash`.',
    '_psi() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}',
    "  local command='' word value='' index",
    '  # `--option=value` arrives as three words.',
    "  if [[ $current == = ]]; then current=''",
    '  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    word=${COMP_WORDS[index]}',
    "    if [[ -n $value ]]; then value=''; continue; fi",
    '    case "$command $word" in',
    ...commands
      .filter(({ path }) => path.length > 0)
      .map((command) => `      ${shellQuoted(key(command.path))}) command=${shellQuoted(key(command.path))} ;;`),
    ...values.map(({ patterns }) => `      ${patterns}) value=1 ;;`),
    '    esac',
    '  done',
    '  COMPREPLY=()',
    '  case "$command $previous" in',
    ...values.map(({ patterns, value }) => `    ${patterns}) ${reply(value)}return ;;`),
    '  esac',
    `  local words='' options=${list(everywhere.flatMap(({ names }) => names))}`,
    '  case "$command" in',
    ...commands.flatMap((command) => {
      const text = body(command);
      return text === '' ? [] : [`    ${shellQuoted(key(command.path))}) ${text} ;;`];
    }),
    '  esac',
    '  if [[ $current == -* ]]; then words=$options; fi',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    '}',
    'complete -F _psi psi',
    '',
  ].join('\n');
}

/** The command as the script keeps it: each word behind a blank. */
function key(path: readonly string[]): string {
  return path.map((word) => ` ${word}`).join('');
}

type Valued = { readonly patterns: string; readonly value: Value };

/** Options that take a value, as patterns of "command option"; `*`: of any command. */
function valued(command: string, options: readonly CompletionOption[]): readonly Valued[] {
  return options.flatMap(({ names, value }) => {
    const pattern = (name: string): string =>
      command === '*' ? `*${shellQuoted(` ${name}`)}` : shellQuoted(`${command} ${name}`);
    return value ? [{ patterns: names.map(pattern).join('|'), value }] : [];
  });
}

function reply(value: Value): string {
  if (value.kind === 'words') return `mapfile -t COMPREPLY < <(compgen -W ${list(value.words)} -- "$current"); `;
  if (value.kind === 'file') return FILES;
  return '';
}

// compopt fails where nobody completes, such as in a test.
const FILES = 'compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); ';

function body({ options, children, argument }: CompletionCommand): string {
  const flags = options.flatMap(({ names }) => names);
  const words =
    children.length > 0 ? children.map(({ name }) => name) : argument?.kind === 'words' ? argument.words : [];
  const parts = [
    ...(flags.length > 0 ? [`options+=${shellQuoted(` ${flags.join(' ')}`)}`] : []),
    ...(words.length > 0 ? [`words=${list(words)}`] : []),
    ...(argument?.kind === 'file' ? [`if [[ $current != -* ]]; then ${reply(argument)}return; fi`] : []),
  ];
  return parts.join('; ');
}

function list(words: readonly string[]): string {
  return shellQuoted(words.join(' '));
}
