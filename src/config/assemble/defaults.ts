// Where things are when the file does not say: for the system, or for one user after the XDG base directories.

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
  // Without HOME (a bare `env -i`) the paths still have to be absolute; the error for a missing file then shows what was tried.
  const home = absolute(env['HOME']) ?? '/';
  const config = absolute(env['XDG_CONFIG_HOME']) ?? join(home, '.config');
  const data = absolute(env['XDG_DATA_HOME']) ?? join(home, '.local/share');
  const runtime = absolute(env['XDG_RUNTIME_DIR']) ?? `/run/user/${String(uid)}`;
  return {
    configFile: join(config, 'psi/config.yaml'),
    stateDir: join(data, 'psi'),
    systemdDir: join(config, 'containers/systemd'),
    socket: join(runtime, 'psi/psi.sock'),
    controlSocket: join(runtime, 'psi-control.sock'),
    podmanSocket: join(runtime, 'podman/podman.sock'),
    dbusSocket: join(runtime, 'bus'),
  };
}

// The base directory specification: a relative path there is to be ignored.
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') === true ? path : undefined;
}

function join(folder: string, rest: string): string {
  return `${folder.replace(/\/+$/, '')}/${rest}`;
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
