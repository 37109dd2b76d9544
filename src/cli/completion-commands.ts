// `psi completion`: the script for one shell, on stdout.

import { Argument, type Command } from 'commander';
import { bashCompletion } from './completion/bash.ts';
import { fishCompletion } from './completion/fish.ts';
import { completionModel, type CompletionModel } from './completion/model.ts';
import { zshCompletion } from './completion/zsh.ts';
import { example } from './help.ts';
import type { Terminal } from './terminal.ts';

const SHELLS: Readonly<Record<string, (model: CompletionModel) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** Added last: it completes what is there when it runs. */
export function addCompletionCommand(program: Command, { terminal }: { readonly terminal: Terminal }): void {
  program
    .command('completion')
    .description("print a script that completes psi's commands in a shell")
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SHELLS)))
    .addHelpText('after', example('podman exec psi psi completion bash > /etc/bash_completion.d/psi'))
    .action((shell: string) => {
      const script = SHELLS[shell]?.(completionModel(program)) ?? '';
      terminal.out(script.trimEnd());
    });
}
