// Wiring of the commands that prepare a host. Part of the composition root.

import { resolve } from 'node:path';
import { containersConf } from '../adapters/files/containers-conf.ts';
import { readBounded } from '../adapters/files/file-calls.ts';
import { CertificateFileSystem } from '../adapters/files/certificate-files.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { HelperFile } from '../adapters/files/helper-file.ts';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { HostFolders } from '../adapters/files/host-tree.ts';
import { quadletFolders, quadletRoots } from '../adapters/systemd/quadlet-folders.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { shortestWindow } from '../certificates/status.ts';
import { cacheOrDefaults } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import { references } from '../config/references.ts';
import { hasHsmToken } from '../config/sections/own-providers.ts';
import { servedProviders } from '../config/served-providers.ts';
import { SecretReader } from '../config/secret-reader.ts';
import { baseDirectories } from '../core/base-directories.ts';
import { withHostCommand, type Completions, type WithHostCommand } from '../host/command/put.ts';
import { foreignDefaultDriver, type ContainersConf } from '../host/default-driver.ts';
import { placeHelper } from '../host/helper/place.ts';
import { install, type InstallDeps, type InstallOptions, type InstallReport } from '../host/install.ts';
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
  completions: Completions,
  surroundings: HostSurroundings,
  foreignDriver = driverOfOthers(surroundings),
): Promise<WithHostCommand<InstallReport>> {
  const path = headerFilePath(config.stateDir);
  const secrets = new SecretReader({ readFile: readBounded, env: surroundings.env });
  const files = new HostFileSystem();
  const layout = await layoutOf(config, surroundings);
  const deps: InstallDeps = {
    files,
    layout,
    headerFile: new DriverHeaderFile({ path }),
    headerFilePath: path,
    token: secrets.readerOf(config.socketToken),
    driverOptions: frozenDriverOptions(config),
    systemdVersion: () => new DbusUnitManager({ socketPath: config.dbusSocket }).version(),
    foreignDriver,
    placeHelper: (asked) => placeHelper({ files, tree: new HostFolders(), helper: new HelperFile(), layout }, asked),
  };
  const wish = { needed: true, write: !options.stdout };
  return withHostCommand({ files, layout, completions }, wish, () => install(deps, options));
}

export async function composeSystemdInstall(
  config: Config,
  options: SystemdInstallOptions,
  completions: Completions,
  surroundings: HostSurroundings,
  foreignDriver = driverOfOthers(surroundings),
): Promise<WithHostCommand<SystemdInstallReport>> {
  const unitManager = new DbusUnitManager({ socketPath: config.dbusSocket });
  const layout = await layoutOf(config, surroundings);
  const { env, uid } = surroundings;
  const roots = quadletRoots({ ...baseDirectories(env, uid), ...config, uid });
  const files = new HostFileSystem();
  const deps = {
    files,
    tree: new HostFolders(),
    ...{ unitManager, layout },
    systemdVersion: () => unitManager.version(),
    quadletFolders: () => quadletFolders(roots),
    foreignDriver,
  };
  const wish = { needed: false, write: true };
  return withHostCommand({ files, layout, completions }, wish, () => systemdInstall(deps, options));
}

/** `goes`: of a file that is about to be removed nobody has to hear. */
export function driverOfOthers(
  { env, uid }: HostSurroundings,
  goes: (file: ContainersConf) => boolean = () => false,
): InstallDeps['foreignDriver'] {
  return async () => {
    const files = await containersConf({ ...baseDirectories(env, uid), env, uid }, readBounded);
    return foreignDefaultDriver(files.filter((file) => !goes(file)));
  };
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
      helperDir: config.lookup.helperDir,
      textfileDir: config.metrics.textfileDir,
      cache: cacheOrDefaults(config),
      hsmToken: hasHsmToken(config),
      certificates,
      shortestWindowMs: (await shortestWindow(known, certificates))?.ms,
    },
    surroundings,
  );
}
