// Where things are when the file does not say: for the system, or for one user after the XDG base directories.

import { baseDirectories, inFolder } from '../../core/base-directories.ts';
import type { Env, Scope } from '../config.ts';

export type Places = {
  readonly configFile: string;
  readonly stateDir: string;
  readonly systemdDir: string;
  readonly socket: string;
  readonly controlSocket: string;
  readonly podmanSocket: string;
  readonly dbusSocket: string;
};

export function scopeOf(uid: number): Scope {
  return uid === 0 ? 'system' : 'user';
}

export function placesOf(env: Env, uid: number): Places {
  return uid === 0 ? SYSTEM : userPlaces(env, uid);
}

const SYSTEM: Places = {
  configFile: '/etc/psi/config.yaml',
  stateDir: '/var/lib/psi',
  systemdDir: '/etc/containers/systemd',
  socket: '/run/psi/psi.sock',
  controlSocket: '/run/psi-control.sock',
  podmanSocket: '/run/podman/podman.sock',
  dbusSocket: '/run/dbus/system_bus_socket',
};

function userPlaces(env: Env, uid: number): Places {
  const { config, data, runtime } = baseDirectories(env, uid);
  return {
    configFile: inFolder(config, 'psi/config.yaml'),
    stateDir: inFolder(data, 'psi'),
    systemdDir: inFolder(config, 'containers/systemd'),
    socket: inFolder(runtime, 'psi/psi.sock'),
    controlSocket: inFolder(runtime, 'psi-control.sock'),
    podmanSocket: inFolder(runtime, 'podman/podman.sock'),
    dbusSocket: inFolder(runtime, 'bus'),
  };
}

export const DEFAULT_API_URL = 'https://app.infisical.com';
export const DEFAULT_ENVIRONMENT = 'prod';
export const LOOKUP_DEFAULTS = { timeoutMs: 5000, batchWindowMs: 2000 } as const;
export const CACHE_DEFAULTS = {
  refreshIntervalMs: 3_600_000,
  refreshRandomizedDelayMs: 300_000,
  tcti: 'device:/dev/tpmrm0',
  pcrs: [7],
  bank: 'sha256',
  credential: 'psi-cache-key',
} as const;
export const CERTIFICATE_DEFAULTS = { ttl: '90d', renewBefore: '30d', mode: '0640' } as const;
export const AZURE_RESOURCE = 'https://management.azure.com/';
export const KUBERNETES_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
