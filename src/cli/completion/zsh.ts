// Completion for zsh: one function for each command, over zsh's own _arguments.

import { shellQuoted } from '../../core/text/shell.ts';
import type { CompletionCommand, CompletionModel, CompletionOption, Value } from './model.ts';

export function zshCompletion({ commands, everywhere }: CompletionModel): string {
  return [
    '#compdef psi',
    '# zsh completion for psi, written by `psi completion zsh`.',
    ...commands.flatMap((command) => functionOf({ ...command, options: [...command.options, ...everywhere] })),
    '# Found as a file in $fpath it is the function itself; sourced it announces one.',
    'if [[ $funcstack[1] == _psi ]]; then _psi "$@"; else compdef _psi psi; fi',
    '',
  ].join('\n');
}

function nameOf(path: readonly string[]): string {
  return ['_psi', ...path.map((word) => word.replaceAll('-', '_'))].join('_');
}

function functionOf({ path, options, argument, children }: CompletionCommand): readonly string[] {
  const specs = options.map(optionSpec);
  if (children.length === 0) {
    const all = argument ? [...specs, shellQuoted(`*:${valueSpec(argument, 'argument')}`)] : specs;
    return [`${nameOf(path)}() {`, `  _arguments -s ${continued(all)}`, '}'];
  }
  return [
    `${nameOf(path)}() {`,
    '  local curcontext=$curcontext state line',
    '  typeset -A opt_args',
    `  _arguments -s -C ${continued([...specs, "'1: :->command'", "'*:: :->rest'"])}`,
    '  case $state in',
    '    command)',
    '      local -a commands=(',
    ...children.map(({ name, about }) => `        ${shellQuoted(`${name}:${about.replaceAll(':', '\\:')}`)}`),
    '      )',
    '      _describe command commands ;;',
    '    rest)',
    '      case $line[1] in',
    ...children.map(({ name }) => `        ${name}) ${nameOf([...path, name])} ;;`),
    '      esac ;;',
    '  esac',
    '}',
  ];
}

function continued(words: readonly string[]): string {
  return words.map((word) => `\\\n    ${word}`).join(' ');
}

function optionSpec({ names, about, value }: CompletionOption): string {
  const text = `[${about.replaceAll(/[[\]:\\]/g, '\\$&')}]${value ? `:${valueSpec(value, 'value')}` : ''}`;
  const [first = ''] = names;
  // Both spellings exclude each other.
  return names.length > 1
    ? `${shellQuoted(`(${names.join(' ')})`)}{${names.join(',')}}${shellQuoted(text)}`
    : shellQuoted(`${first}${text}`);
}

function valueSpec(value: Value, what: string): string {
  if (value.kind === 'words') return `${what}:(${value.words.join(' ')})`;
  return value.kind === 'file' ? `file:_files` : `${what}: `;
}
