// What the command line asks of the composition root. Loaded lazily: a health check must not pay for the server's packages.

import type { Config } from '../config/config.ts';
import type { ImportSource } from '../transfer/import/entry.ts';
import type { PodmanFound, PodmanSelection } from '../transfer/import/podman.ts';
import type { ProjectTools } from '../transfer/project-tools.ts';
import type { QuadletReport, QuadletRequest } from '../transfer/import/quadlet.ts';
import type { ImportEvent } from '../transfer/import/report.ts';
import type { InstallOptions, InstallReport } from '../host/install.ts';
import type { LoginReport } from '../provider/try-logins.ts';
import type { SystemdInstallOptions, SystemdInstallReport } from '../host/systemd-install.ts';
import type { CertificateRunReport } from '../certificates/report.ts';
import type { CertificateRunEvents, CertificateRunOptions } from '../certificates/run.ts';
import type { CertificateOverview } from '../certificates/status.ts';

/** A running service. `stop` finishes what was accepted. */
export type Running = { readonly stop: () => Promise<void> };

/** One project of Infisical; without an environment, the one of the config. */
export type ProjectTarget = { readonly project: string; readonly environment: string | undefined };

/** What people do with one project, over one connection. */
export type InfisicalTools = ProjectTools;

/** `file`: a name without a folder is one of the quadlet folder. */
export type QuadletFlags = ProjectTarget &
  Pick<QuadletRequest, 'resolveSecrets' | 'conflict' | 'dryRun' | 'rewrite'> & {
    readonly file: string;
    readonly path: string;
  };

export type Composition = {
  readonly serve: (config: Config) => Promise<Running>;
  readonly install: (config: Config, options: InstallOptions) => Promise<InstallReport>;
  readonly systemdInstall: (config: Config, options: SystemdInstallOptions) => Promise<SystemdInstallReport>;
  readonly tls: {
    readonly run: (
      config: Config,
      options: CertificateRunOptions,
      events: CertificateRunEvents,
    ) => Promise<CertificateRunReport>;
    readonly status: (config: Config, name: string | undefined) => Promise<CertificateOverview>;
  };
  readonly infisicalTools: (config: Config, target: ProjectTarget) => Promise<InfisicalTools>;
  /** `-` is standard input. */
  readonly readEnvFile: (file: string) => Promise<ImportSource>;
  readonly readPodmanSecrets: (config: Config, selection: PodmanSelection) => Promise<PodmanFound>;
  readonly importQuadlet: (
    config: Config,
    tools: InfisicalTools,
    flags: QuadletFlags,
    emit: (event: ImportEvent) => void,
  ) => Promise<QuadletReport>;
  readonly infisicalLogin: (config: Config) => Promise<LoginReport>;
};
