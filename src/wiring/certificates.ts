// Wiring of `psi infisical tls`, which runs in a process of its own. Part of the composition root.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Composition } from '../cli/commands.ts';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { CertificateFileSystem } from '../adapters/files/certificate-files.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { FlockFile } from '../adapters/files/run-lock.ts';
import { createCertificateAuthority } from '../adapters/infisical/certificates.ts';
import { SystemdCommands } from '../adapters/systemd/host-commands.ts';
import { SystemdTimers } from '../adapters/systemd/timers.ts';
import { composeConnection } from './providers.ts';
import type { Config, InfisicalConfig } from '../config/config.ts';
import type { WantedCertificate } from '../certificates/certificate.ts';
import { PsiError } from '../core/error.ts';
import { runCertificates } from '../certificates/run.ts';
import { certificateOverview } from '../certificates/status.ts';

export type TlsComposeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
};

/** Longer than all looks at an order and the slowest hooks: what hangs then is the machine. */
const LONGEST_RUN_MS = 3_600_000;

export function composeTls(deps: TlsComposeDeps): Composition['tls'] {
  return {
    run: async (config, options, events) => {
      const provider = providerOf(config);
      const connection = await composeConnection(config, provider, { ...deps, clock: systemClock });
      const tlsDir = join(config.stateDir, 'tls');
      try {
        return await runCertificates(
          {
            ...common(config),
            authority: createCertificateAuthority(connection),
            commands: new SystemdCommands({ socketPath: config.dbusSocket, outputDir: tlsDir }),
            lock: new FlockFile({ path: join(tlsDir, '.lock'), what: 'psi infisical tls' }),
          },
          certificatesOf(provider),
          options,
          events,
          AbortSignal.timeout(LONGEST_RUN_MS),
        );
      } finally {
        connection.close();
      }
    },
    status: (config, name) => {
      const timers = new SystemdTimers({ socketPath: config.dbusSocket });
      return certificateOverview({ ...common(config), timers }, certificatesOf(providerOf(config)), name);
    },
  };
}

function common({ stateDir }: Config): {
  readonly files: CertificateFileSystem;
  readonly states: CertificateStateFiles;
  readonly clock: typeof systemClock;
  readonly digest: (text: string) => string;
  readonly host: string;
} {
  return {
    files: new CertificateFileSystem(),
    states: new CertificateStateFiles({ stateDir }),
    clock: systemClock,
    digest: (text) => createHash('sha256').update(text).digest('hex'),
    // With Network=host it is the host's own.
    host: hostname(),
  };
}

function providerOf(config: Config): InfisicalConfig {
  const provider = config.providers.get('infisical');
  if (provider) return provider;
  throw new PsiError('CONFIG_INVALID', `${config.file}: there is no provider infisical`, {
    hint: 'see docs/config.example.yaml',
  });
}

export function certificatesOf({ certificates }: InfisicalConfig): readonly WantedCertificate[] {
  return [...certificates].map(([name, certificate]) => ({ name, ...certificate }));
}
