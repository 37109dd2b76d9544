// Wiring of `psi infisical tls`, which runs in a process of its own. Part of the composition root.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Composition } from '../cli/commands.ts';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { CertificateFileSystem } from '../adapters/files/certificate-files.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { FlockFile } from '../adapters/files/run-lock.ts';
import { SystemdCommands } from '../adapters/systemd/host-commands.ts';
import { SystemdTimers } from '../adapters/systemd/timers.ts';
import { LONGEST_RUN_MS, runCertificates, type CertificateRunDeps } from '../certificates/run.ts';
import { certificateOverview } from '../certificates/status.ts';
import type { Config } from '../config/config.ts';
import { renderCommand } from '../host/units/revision.ts';
import { authorityOf, certificatesOf, providerOfCertificates } from '../provider/choice.ts';
import { withProvider } from '../provider/opened.ts';
import { composeProvider } from './providers.ts';

export type TlsComposeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
};

export function composeTls(deps: TlsComposeDeps): Composition['tls'] {
  return {
    run: async (config, options, events) => {
      const { config: chosen } = providerOfCertificates(config);
      const tlsDir = join(config.stateDir, 'tls');
      return await withProvider(
        await composeProvider(config, chosen, { ...deps, clock: systemClock }),
        async (provider) =>
          await runCertificates(
            {
              ...common(config),
              authority: authorityOf(provider),
              commands: new SystemdCommands({ socketPath: config.dbusSocket, outputDir: tlsDir }),
              lock: new FlockFile({
                path: join(tlsDir, '.lock'),
                what: `psi ${provider.words.group} tls`,
                look: 'systemctl status psi-tls-renew.service',
              }),
            },
            certificatesOf(chosen),
            options,
            events,
            AbortSignal.timeout(LONGEST_RUN_MS),
          ),
      );
    },
    status: async (config, name) => {
      const timers = new SystemdTimers({ socketPath: config.dbusSocket });
      const { config: chosen } = providerOfCertificates(config);
      const deps = { ...common(config), timers, renderUnits: renderCommand(config.scope) };
      return await certificateOverview(deps, certificatesOf(chosen), name);
    },
  };
}

function common({ stateDir }: Config): Pick<CertificateRunDeps, 'files' | 'states' | 'clock' | 'digest' | 'host'> {
  return {
    files: new CertificateFileSystem(),
    states: new CertificateStateFiles({ stateDir }),
    clock: systemClock,
    digest: (text) => createHash('sha256').update(text).digest('hex'),
    // With Network=host it is the host's own.
    host: hostname(),
  };
}
