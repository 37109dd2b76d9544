// `psi infisical login` on the command line: flags and help.

import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loginCommand } from './commands/login.ts';
import type { Composition } from './composition.ts';
import { example } from './help.ts';
import type { Terminal } from './terminal.ts';

export type LoginCommandDeps = {
  readonly terminal: Terminal;
  readonly config: () => Promise<Config>;
  readonly compose: () => Promise<Composition>;
  readonly done: (exit: number) => void;
};

export function addLoginCommands(infisical: Command, { terminal, config, compose, done }: LoginCommandDeps): void {
  infisical
    .command('login')
    .description('log in once with each identity of the config, say who and until when, and give the tokens back')
    .option('--json', 'print it as one JSON object', false)
    .addHelpText('after', example('podman exec psi psi infisical login'))
    .action(async (flags: { json: boolean }) => {
      done(await loginCommand(await config(), await compose(), terminal, flags));
    });
}
