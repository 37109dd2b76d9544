// `psi infisical tls` on the command line: flags and help.

import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import type { CertificateRunMode } from '../certificates/plan.ts';
import { tlsRunCommand, tlsStatusCommand } from './commands/tls.ts';
import type { Composition } from './composition.ts';
import { example } from './help.ts';
import type { Terminal } from './terminal.ts';

export type TlsCommandDeps = {
  readonly terminal: Terminal;
  readonly config: () => Promise<Config>;
  readonly compose: () => Promise<Composition>;
  readonly done: (exit: number) => void;
};

const NAME = ['[name]', 'only this certificate (default: all of the config)'] as const;
const JSON_FLAG = ['--json', 'print it as one JSON object', false] as const;

export function addTlsCommands(infisical: Command, deps: TlsCommandDeps): void {
  const { terminal, config, compose, done } = deps;
  const tls = infisical
    .command('tls')
    .description("certificates from Infisical's certificate manager, as files of this host");
  const runCommand = (mode: CertificateRunMode, what: string, force: string, shown: string): void => {
    tls
      .command(mode)
      .description(`${what}; exit status 75 if one is still on its way, 1 if a certificate or a hook failed`)
      .argument(...NAME)
      .option('--force', force, false)
      .option(...JSON_FLAG)
      .addHelpText('after', example(shown))
      .action(async (name: string | undefined, flags: { force: boolean; json: boolean }) => {
        done(await tlsRunCommand(await config(), await compose(), terminal, { mode, name, ...flags }));
      });
  };
  runCommand(
    'issue',
    'order the certificates that were never issued, write their files, run their hooks',
    'order a new one whatever there is',
    'podman exec psi psi infisical tls issue',
  );
  runCommand(
    'renew',
    'bring all certificates up to date: renew those that are due, order what is missing or was changed in the config, and run hooks that failed before',
    'renew though not due yet',
    'podman exec psi psi infisical tls renew --force web',
  );
  tls
    .command('status')
    .description('when each certificate ends and is renewed, what is under way and what failed last; asks nobody')
    .argument(...NAME)
    .option(...JSON_FLAG)
    .addHelpText('after', example('podman exec psi psi infisical tls status'))
    .action(async (name: string | undefined, flags: { json: boolean }) => {
      done(await tlsStatusCommand(await config(), await compose(), terminal, { name, ...flags }));
    });
}
