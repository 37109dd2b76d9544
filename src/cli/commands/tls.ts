// `psi infisical tls …`: runs in its own process, which owns the state of the certificates.

import type { Config } from '../../config/config.ts';
import type { CertificateRunMode } from '../../certificates/plan.ts';
import type { Composition } from '../composition.ts';
import { printTlsRun, printTlsStatus } from '../tls-report.ts';
import type { Terminal } from '../terminal.ts';

export async function tlsRunCommand(
  config: Config,
  composition: Composition,
  terminal: Terminal,
  options: {
    readonly mode: CertificateRunMode;
    readonly name: string | undefined;
    readonly force: boolean;
    readonly json: boolean;
  },
): Promise<number> {
  const { json, ...wanted } = options;
  const report = await composition.tls.run(config, wanted, {
    waiting: (name, status, ms) => {
      terminal.progress(`${name}: ${status.replaceAll('_', ' ')}; looking again in ${String(ms / 1000)} s`);
    },
    hook: (name, argv) => {
      terminal.progress(`${name}: hook ${argv.join(' ')}`);
    },
  });
  terminal.progress('');
  if (json) terminal.out(JSON.stringify(report));
  else printTlsRun(terminal, report);
  return report.exit;
}

export async function tlsStatusCommand(
  config: Config,
  composition: Composition,
  terminal: Terminal,
  options: { readonly name: string | undefined; readonly json: boolean },
): Promise<number> {
  const status = await composition.tls.status(config, options.name);
  if (options.json) terminal.out(JSON.stringify(status));
  else printTlsStatus(terminal, status);
  return 0;
}
