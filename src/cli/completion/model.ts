// What the shells' completions are made of: every command with its words, read from commander's own tree, so that no list is kept twice.

import type { Argument, Command, Option } from 'commander';

/** What can follow: one of these words, a file, something nobody can guess, or nothing. */
export type Value = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'file' | 'text' };

export type CompletionOption = {
  /** `--config`, and `-c` where there is one. */
  readonly names: readonly string[];
  readonly about: string;
  /** undefined: a switch. */
  readonly value: Value | undefined;
};

export type CompletionCommand = {
  /** Without the program's name; empty for the program itself. */
  readonly path: readonly string[];
  readonly options: readonly CompletionOption[];
  /** Of the first argument; undefined: it takes none. */
  readonly argument: Value | undefined;
  readonly children: readonly { readonly name: string; readonly about: string }[];
};

export type CompletionModel = {
  /** The program first, then its commands, each before its own. Without the options that are taken everywhere. */
  readonly commands: readonly CompletionCommand[];
  readonly everywhere: readonly CompletionOption[];
};

export function completionModel(program: Command): CompletionModel {
  const own = program.createHelp().visibleOptions(program);
  // Commander takes options of the program behind its commands too; `--version` there would be an odd question.
  const everywhere = own.filter(({ long }) => long !== '--version');
  const isEverywhere = (option: Option): boolean => everywhere.some(({ long }) => long === option.long);
  const visit = (command: Command, path: readonly string[]): readonly CompletionCommand[] => {
    const help = command.createHelp();
    const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
    const [argument] = command.registeredArguments;
    return [
      {
        path,
        options: help
          .visibleOptions(command)
          .filter((option) => !isEverywhere(option))
          .map(optionOf),
        argument: argument && valueOf(argument),
        children: children.map((child) => ({ name: child.name(), about: child.description() })),
      },
      ...children.flatMap((child) => visit(child, [...path, child.name()])),
    ];
  };
  return { commands: visit(program, []), everywhere: everywhere.map(optionOf) };
}

function optionOf(option: Option): CompletionOption {
  const names = [option.long, option.short].filter((name) => typeof name === 'string');
  const takes = option.required || option.optional;
  return { names, about: option.description, value: takes ? valueOf(option) : undefined };
}

const FILE = /^(?:file|out|path|folder)$/i;

function valueOf(of: Option | Argument): Value {
  if (of.argChoices && of.argChoices.length > 0) return { kind: 'words', words: of.argChoices };
  const name = 'flags' in of ? (/[<[]([^>\].]+)/.exec(of.flags)?.[1] ?? '') : of.name();
  // Not every path is one of a file: `--path` is a folder of the provider.
  return { kind: FILE.test(name) && !('long' in of && of.long === '--path') ? 'file' : 'text' };
}
