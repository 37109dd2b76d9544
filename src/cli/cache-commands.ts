// `psi cache` and `psi hsm` on the command line: flags and help.

import { Option, type Command } from 'commander';
import { cacheInitCommand, cacheInvalidateCommand, cacheRefreshCommand, cacheStatusCommand } from './commands/cache.ts';
import { hsmCommand, type HsmAction } from './commands/hsm.ts';
import type { ControlClient } from '../faces/control/client.ts';
import { example } from './help.ts';
import type { Terminal } from './terminal.ts';

export type CacheCommandDeps = {
  readonly terminal: Terminal;
  readonly client: () => Promise<ControlClient>;
  readonly done: (exit: number) => void;
};

const JSON_FLAG = ['--json', 'print it as one JSON object', false] as const;

export function addCacheCommands(program: Command, { terminal, client, done }: CacheCommandDeps): void {
  const cache = program
    .command('cache')
    .description('the encrypted cache, with which containers start through an outage');
  cache
    .command('init')
    .description('try a backend by wrapping and opening a key; says what to put into the config')
    .addOption(
      new Option('--backend <name>', 'what holds the key').choices(['tpm', 'hsm', 'credential']).makeOptionMandatory(),
    )
    .option(...JSON_FLAG)
    .addHelpText('after', example('podman exec psi psi cache init --backend tpm'))
    .action(async (flags: { backend: string; json: boolean }) => {
      done(await cacheInitCommand(await client(), terminal, flags));
    });
  cache
    .command('status')
    .description('how many values it holds, how old they are, and what is wrong')
    .option('--verify', 'open the file on disk anew; exit status 65 or 69 if that fails', false)
    .option(...JSON_FLAG)
    .addHelpText('after', example('podman exec psi psi cache status --verify'))
    .action(async (flags: { verify: boolean; json: boolean }) => {
      done(await cacheStatusCommand(await client(), terminal, flags));
    });
  cache
    .command('refresh')
    .description('fetch all values anew; exit status 75 during an outage, which leaves the cache as it was')
    .option(...JSON_FLAG)
    .addHelpText('after', example('podman exec psi psi cache refresh'))
    .action(async (flags: { json: boolean }) => {
      done(await cacheRefreshCommand(await client(), terminal, flags));
    });
  cache
    .command('invalidate')
    .description('drop the value of one secret, or of all secrets of a workload: the next lookup asks the provider')
    .argument('<name>', "Podman's name of the secret, or a workload's name")
    .option(...JSON_FLAG)
    .addHelpText('after', example('podman exec psi psi cache invalidate myapp--DB_PASSWORD'))
    .action(async (name: string, flags: { json: boolean }) => {
      done(await cacheInvalidateCommand(await client(), terminal, name, flags));
    });

  const hsm = program.command('hsm').description('the HSM that holds the key of the cache');
  const action = (name: HsmAction, what: string): Command =>
    hsm
      .command(name)
      .description(what)
      .option(...JSON_FLAG)
      .addHelpText('after', example(`podman exec psi psi hsm ${name}`))
      .action(async (flags: { json: boolean; login?: boolean }) => {
        done(await hsmCommand(await client(), terminal, name, flags));
      });
  action('preflight', 'check module, token, PIN, mechanism and key, in the order in which they fail').option(
    '--login',
    'send the PIN too, once',
    false,
  );
  action('init', 'log in and get to know the key: for the first use, and after a wrong PIN was put right');
  action('status', 'what the token says of itself; sends no PIN');
}
