// Completion for fish: one line for each word, under the command it belongs to.

import type { CompletionCommand, CompletionModel, CompletionOption, Value } from './model.ts';

export function fishCompletion({ commands, everywhere }: CompletionModel): string {
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return [
    '# fish completion for psi, written by `psi completion fish`.',
    '# True if the command typed so far is the given one.',
    'function __psi_at',
    '    set -l found',
    '    for word in (commandline -opc)[2..-1]',
    `        if contains -- (string join -- ' ' $found $word) ${paths.join(' ')}`,
    '            set -a found $word',
    '        end',
    '    end',
    `    test "$found" = "$argv"`,
    'end',
    'complete -c psi -f',
    ...everywhere.map((option) => `complete -c psi ${optionOf(option)}`),
    ...commands.flatMap(linesOf),
    '',
  ].join('\n');
}

function linesOf({ path, options, argument, children }: CompletionCommand): readonly string[] {
  const line = (rest: string): string => `complete -c psi -n ${quoted(`__psi_at ${path.join(' ')}`.trim())} ${rest}`;
  return [
    ...children.map(({ name, about }) => line(`-a ${name} -d ${quoted(about)}`)),
    ...(argument ? [line(argumentOf(argument))].filter((text) => !text.endsWith(' ')) : []),
    ...options.map((option) => line(optionOf(option))),
  ];
}

function optionOf({ names, about, value }: CompletionOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes = value === undefined ? [] : [value.kind === 'file' ? '-r -F' : `-x ${argumentOf(value)}`.trim()];
  return [...flags, ...takes, `-d ${quoted(about)}`].join(' ');
}

function argumentOf(value: Value): string {
  if (value.kind === 'words') return `-a ${quoted(value.words.join(' '))}`;
  return value.kind === 'file' ? '-F' : '';
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
