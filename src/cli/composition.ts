// What the command line asks of the composition root. Loaded lazily: a health check must not pay for the server's packages.

import type { Config } from '../config/config.ts';
import type { InstallOptions, InstallReport } from '../usecases/install.ts';
import type { SystemdInstallOptions, SystemdInstallReport } from '../usecases/systemd-install.ts';
import type { TlsRunReport } from '../usecases/tls-report.ts';
import type { TlsEvents, TlsOptions } from '../usecases/tls-run.ts';
import type { TlsStatus } from '../usecases/tls-status.ts';

/** A running service. `stop` finishes what was accepted. */
export type Running = { readonly stop: () => Promise<void> };

export type Composition = {
  readonly serve: (config: Config) => Promise<Running>;
  readonly install: (config: Config, options: InstallOptions) => Promise<InstallReport>;
  readonly systemdInstall: (config: Config, options: SystemdInstallOptions) => Promise<SystemdInstallReport>;
  readonly tls: {
    readonly run: (config: Config, options: TlsOptions, events: TlsEvents) => Promise<TlsRunReport>;
    readonly status: (config: Config, name: string | undefined) => Promise<TlsStatus>;
  };
};
