// `psi completion`: the script for one shell, on stdout.

import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { completionModel, type CompletionModel } from '../completion/model.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Completions } from '../../host/command/put.ts';
import { EXIT } from '../../core/exit.ts';
import { completed, type Cli } from '../command.ts';

const SHELLS: Readonly<Record<string, (model: CompletionModel) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** Of all that `program` has when this is called. */
export function completionsOf(program: Command): Completions {
  const model = completionModel(program);
  return { bash: bashCompletion(model), zsh: zshCompletion(model), fish: fishCompletion(model) };
}

/** Added last: it completes what is there when it runs. */
export function addCompletion(program: Command, cli: Cli): void {
  const command = program
    .command('completion')
    .description("print a script that completes psi's commands in a shell")
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SHELLS)));
  completed(command, cli, {
    exits: {},
    example: 'psi completion bash > /etc/bash_completion.d/psi',
    run: (shell: string) => {
      const script = SHELLS[shell]?.(completionModel(program)) ?? '';
      return Promise.resolve({
        exit: EXIT.DONE,
        print: () => {
          cli.terminal.data(script.trimEnd());
        },
      });
    },
  });
}
