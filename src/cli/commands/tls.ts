// `psi infisical tls …`: runs in its own process, which owns the state of the certificates.

import type { Command } from 'commander';
import type { CertificateRunMode } from '../../certificates/plan.ts';
import type { CertificateRunReport } from '../../certificates/report.ts';
import type { CertificateRunEvents, CertificateRunOptions } from '../../certificates/run.ts';
import type { CertificateOverview } from '../../certificates/status.ts';
import type { Config } from '../../config/config.ts';
import { EXIT } from '../../core/exit.ts';
import { completedWithJson, type Ending, type Cli } from '../command.ts';
import { exits } from '../help.ts';
import { printTlsRun, printTlsStatus } from './tls-report.ts';
import type { Terminal } from '../terminal.ts';

export type TlsNeeds = {
  readonly tls: {
    readonly run: (
      config: Config,
      options: CertificateRunOptions,
      events: CertificateRunEvents,
    ) => Promise<CertificateRunReport>;
    readonly status: (config: Config, name: string | undefined) => Promise<CertificateOverview>;
  };
};

const NAME = ['[name]', 'only this certificate (default: all of the config)'] as const;

export function addTls(infisical: Command, cli: Cli<TlsNeeds>): void {
  const tls = infisical
    .command('tls')
    .description("certificates from Infisical's certificate manager, as files of this host");
  addRun(tls, cli, 'issue', {
    about: 'order the certificates that were never issued, write their files, run their hooks',
    force: 'order a new one whatever there is',
    example: 'podman exec psi psi infisical tls issue',
  });
  addRun(tls, cli, 'renew', {
    about:
      'bring all certificates up to date: renew those that are due, order what is missing or was changed in the config, and run hooks that failed before',
    force: 'renew though not due yet',
    example: 'podman exec psi psi infisical tls renew --force web',
  });
  addStatus(tls, cli);
}

type RunWords = { readonly about: string; readonly force: string; readonly example: string };

function addRun(tls: Command, cli: Cli<TlsNeeds>, mode: CertificateRunMode, { about, force, example }: RunWords): void {
  const command = tls
    .command(mode)
    .description(about)
    .argument(...NAME)
    .option('--force', force, false);
  completedWithJson(command, cli, {
    exits: {
      ...exits('NO_INPUT', 'UNAVAILABLE', 'HOST', 'CONFIG'),
      FAILED: 'a certificate or a hook failed',
      TRY_LATER: 'one is still on its way: the next run goes on with it',
      DENIED: 'all that failed was denied',
    },
    example,
    run: async (name: string | undefined, flags: { readonly force: boolean }) => {
      const { run } = (await cli.compose()).tls;
      const options = { mode, name, force: flags.force };
      return ran(
        cli.terminal,
        await run(
          mode === 'renew' ? await cli.configOrLastGood() : await cli.config(),
          options,
          progressOn(cli.terminal),
        ),
      );
    },
  });
}

function progressOn(terminal: Terminal): CertificateRunEvents {
  return {
    waiting: (name, status, ms) => {
      terminal.progress(`${name}: ${status.replaceAll('_', ' ')}; looking again in ${String(ms / 1000)} s`);
    },
    hook: (name, argv) => {
      terminal.progress(`${name}: hook ${argv.join(' ')}`);
    },
  };
}

function ran(terminal: Terminal, report: CertificateRunReport): Ending {
  return {
    exit: report.exit,
    result: report,
    print: () => {
      printTlsRun(terminal, report);
    },
  };
}

function addStatus(tls: Command, cli: Cli<TlsNeeds>): void {
  const command = tls
    .command('status')
    .description('when each certificate ends and is renewed, what is under way and what failed last; asks nobody')
    .argument(...NAME);
  completedWithJson(command, cli, {
    exits: exits('NO_INPUT', 'HOST', 'CONFIG'),
    example: 'podman exec psi psi infisical tls status',
    run: async (name: string | undefined) => {
      const status = await (await cli.compose()).tls.status(await cli.configOrLastGood(), name);
      return {
        exit: EXIT.DONE,
        result: status,
        print: () => {
          printTlsStatus(cli.terminal, status);
        },
      };
    },
  });
}
