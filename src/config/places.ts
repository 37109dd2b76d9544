// Where things are when the file does not say: for the system, or for one user after the XDG base directories.

import { baseDirectories, inFolder } from '../core/base-directories.ts';
import { PLACE_VARIABLES, type Places } from '../core/places.ts';
import type { Env } from './surroundings.ts';

export type DefaultPlaces = Places & { readonly configFile: string; readonly helperDir: string };

export function placesOf(env: Env, uid: number): DefaultPlaces {
  return uid === 0 ? SYSTEM : userPlaces(env, uid);
}

const SYSTEM: DefaultPlaces = {
  configFile: '/etc/psi/config.yaml',
  stateDir: '/var/lib/psi',
  systemdDir: '/etc/containers/systemd',
  socket: '/run/psi/psi.sock',
  controlSocket: '/run/psi-control.sock',
  podmanSocket: '/run/podman/podman.sock',
  dbusSocket: '/run/dbus/system_bus_socket',
  helperDir: '/usr/local/libexec/psi',
};

function userPlaces(env: Env, uid: number): DefaultPlaces {
  const { home, config, data, runtime } = baseDirectories(env, uid);
  return {
    configFile: inFolder(config, 'psi/config.yaml'),
    stateDir: inFolder(data, 'psi'),
    systemdDir: inFolder(config, 'containers/systemd'),
    socket: inFolder(runtime, 'psi/psi.sock'),
    controlSocket: inFolder(runtime, 'psi-control.sock'),
    podmanSocket: inFolder(runtime, 'podman/podman.sock'),
    dbusSocket: inFolder(runtime, 'bus'),
    helperDir: inFolder(home, '.local/libexec/psi'),
  };
}

/** Those that are named; a relative path counts as none. */
export function handedOver(env: Env): Partial<Places> {
  const named = Object.entries(PLACE_VARIABLES).map(([place, variable]) => [place, env[variable]] as const);
  return Object.fromEntries(named.filter(([, path]) => path?.startsWith('/') === true));
}
