// Wiring of the commands that prepare a host. Part of the composition root.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { certificatesOf } from './certificates.ts';
import { defaultCache } from '../config/assemble/config.ts';
import type { CacheConfig, Config } from '../config/config.ts';
import { references } from '../config/references.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';
import { driverMaxTimeSeconds, driverOptions } from '../registration/driver-command/options.ts';
import { hostFolders, type HostLayout } from '../host/layout.ts';
import type { DriverOptions } from '../registration/registered-secret.ts';
import { install, type InstallOptions, type InstallReport } from '../host/install.ts';
import { systemdInstall, type SystemdInstallOptions, type SystemdInstallReport } from '../host/systemd-install.ts';

export type HostDeps = { readonly env: Readonly<Record<string, string | undefined>>; readonly uid: number };

export async function composeInstall(config: Config, options: InstallOptions, deps: HostDeps): Promise<InstallReport> {
  const { env } = deps;
  return install(
    {
      files: new HostFileSystem(),
      headerFile: new DriverHeaderFile({ path: headerFilePath(config) }),
      headerFilePath: headerFilePath(config),
      layout: layoutOf(config, deps),
      // With --stdout nothing is written, so a credential that only the service has need not be there.
      token:
        config.socketToken && !options.stdout ? await resolveSecret(config.socketToken, { readFile, env }) : undefined,
      driverOptions: driverOptionsOf(config),
    },
    options,
  );
}

export function composeSystemdInstall(
  config: Config,
  options: SystemdInstallOptions,
  deps: HostDeps,
): Promise<SystemdInstallReport> {
  const unitManager = new DbusUnitManager({ socketPath: config.dbusSocket });
  return systemdInstall({ files: new HostFileSystem(), unitManager, layout: layoutOf(config, deps) }, options);
}

function layoutOf(config: Config, { env, uid }: HostDeps): HostLayout {
  return {
    ...hostFolders(config.scope, env, uid),
    ...references(config),
    scope: config.scope,
    configFile: resolve(config.file),
    stateDir: config.stateDir,
    systemdDir: config.systemdDir,
    socket: config.socket,
    controlSocket: config.controlSocket,
    podmanSocket: config.podmanSocket,
    dbusSocket: config.dbusSocket,
    tls: certificateLayout(config),
    ...cacheLayout(config.cache ?? defaultCache(config.stateDir)),
  };
}

/** Between two runs of a daily timer, its spread included, and some time to try again. */
const DAILY_NEEDS_MS = 3 * 86_400_000;

function certificateLayout({ providers }: Config): HostLayout['tls'] {
  const certificates = [...providers.values()].flatMap((provider) => certificatesOf(provider));
  if (certificates.length === 0) return undefined;
  const outputs = certificates.flatMap(({ output: { cert, key, chain, ca } }) => [
    ...[cert, key, chain],
    ...(ca === undefined ? [] : [ca]),
  ]);
  return { outputs, often: certificates.some(({ renewBeforeMs }) => renewBeforeMs < DAILY_NEEDS_MS) };
}

function cacheLayout(cache: CacheConfig): Pick<HostLayout, 'cache' | 'refresh'> {
  const { backend, tpm, credential } = cache;
  const tpmDevice = /^device:(\/.+)$/.exec(tpm.tcti)?.[1];
  return {
    cache: cache.enabled && backend ? { backend, tpmDevice, credential } : undefined,
    refresh: { intervalMs: cache.refreshIntervalMs, randomizedDelayMs: cache.refreshRandomizedDelayMs },
  };
}

/** The commands that this config freezes into Podman's secrets. */
export function driverOptionsOf(config: Config): DriverOptions {
  return driverOptions({
    socket: config.socket,
    maxTimeSeconds: driverMaxTimeSeconds(config.lookup.timeoutMs),
    headerFile: config.socketToken && headerFilePath(config),
  });
}

export function headerFilePath(config: Config): string {
  return `${config.stateDir}/driver.hdr`;
}
