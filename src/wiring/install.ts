// Wiring of the commands that prepare a host. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { resolve } from 'node:path';
import { CertificateFileSystem } from '../adapters/files/certificate-files.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { shortestWindow } from '../certificates/status.ts';
import { cacheOrDefaults } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import { references } from '../config/references.ts';
import { servedProviders } from '../config/served-providers.ts';
import { SecretReader } from '../config/secret-reader.ts';
import { install, type InstallOptions, type InstallReport } from '../host/install.ts';
import type { HostLayout } from '../host/layout.ts';
import { hostLayout, type HostSurroundings } from '../host/settings.ts';
import { systemdInstall, type SystemdInstallOptions, type SystemdInstallReport } from '../host/systemd-install.ts';
import { headerFilePath } from '../registration/driver-command/header-file.ts';
import { PROVIDER_KINDS } from './provider-kinds.ts';
import { frozenDriverOptions } from '../registration/driver-command/options.ts';
import { certificatesOf } from '../provider/choice.ts';

export async function composeInstall(
  config: Config,
  options: InstallOptions,
  surroundings: HostSurroundings,
): Promise<InstallReport> {
  const path = headerFilePath(config.stateDir);
  const secrets = new SecretReader({ readFile: readBounded, env: surroundings.env });
  return install(
    {
      files: new HostFileSystem(),
      headerFile: new DriverHeaderFile({ path }),
      headerFilePath: path,
      layout: await layoutOf(config, surroundings),
      systemdVersion: () => new DbusUnitManager({ socketPath: config.dbusSocket }).version(),
      token: secrets.readerOf(config.socketToken),
      driverOptions: frozenDriverOptions(config),
    },
    options,
  );
}

export async function composeSystemdInstall(
  config: Config,
  options: SystemdInstallOptions,
  surroundings: HostSurroundings,
): Promise<SystemdInstallReport> {
  const unitManager = new DbusUnitManager({ socketPath: config.dbusSocket });
  const layout = await layoutOf(config, surroundings);
  const systemdVersion = (): Promise<number | undefined> => unitManager.version();
  return systemdInstall({ files: new HostFileSystem(), unitManager, systemdVersion, layout }, options);
}

export async function layoutOf(config: Config, surroundings: HostSurroundings): Promise<HostLayout> {
  const certificates = [...config.providers.values()].flatMap((provider) => certificatesOf(provider));
  const known = {
    states: new CertificateStateFiles({ stateDir: config.stateDir }),
    files: new CertificateFileSystem(),
  };
  return hostLayout(
    {
      ...references(config),
      ...servedProviders(config, PROVIDER_KINDS),
      scope: config.scope,
      configFile: resolve(config.file),
      stateDir: config.stateDir,
      systemdDir: config.systemdDir,
      socket: config.socket,
      controlSocket: config.controlSocket,
      podmanSocket: config.podmanSocket,
      dbusSocket: config.dbusSocket,
      cache: cacheOrDefaults(config),
      certificates,
      shortestWindowMs: (await shortestWindow(known, certificates))?.ms,
    },
    surroundings,
  );
}
