// Where the Python PSI keeps what it is made of: by scope, whatever its config says.

import { baseDirectories, inFolder } from '../core/base-directories.ts';
import type { Scope } from '../core/scope.ts';
import { hostFolders } from '../host/layout.ts';

export type OldPlaces = {
  readonly scope: Scope;
  readonly configFile: string;
  readonly stateDir: string;
  /** Of quadlets and their drop-ins. */
  readonly systemdDir: string;
  readonly unitDir: string;
  /** Units that are gone with a boot. */
  readonly runtimeUnitDir: string;
  readonly defaultDriver: string;
  /** What systemd-creds sealed for its cache. */
  readonly cacheKey: string;
  readonly credentialStore: string;
  readonly socket: string;
  /** Gone with a boot. */
  readonly lock: string;
};

export function oldPlaces(scope: Scope, env: Readonly<Record<string, string | undefined>>, uid: number): OldPlaces {
  const { unitDir, containersConfDir } = hostFolders(scope, env, uid);
  const common = { scope, unitDir, defaultDriver: `${containersConfDir}/psi.conf` };
  if (scope === 'system') {
    return {
      ...common,
      configFile: '/etc/psi/config.yaml',
      stateDir: '/var/lib/psi',
      systemdDir: '/etc/containers/systemd',
      runtimeUnitDir: '/run/systemd/system',
      cacheKey: '/etc/psi/cache.key',
      credentialStore: '/etc/credstore.encrypted',
      socket: '/run/psi/psi.sock',
      lock: '/run/psi-migrate.lock',
    };
  }
  const { config, home, runtime } = baseDirectories(env, uid);
  return {
    ...common,
    configFile: inFolder(config, 'psi/config.yaml'),
    stateDir: inFolder(home, '.local/share/psi'),
    systemdDir: inFolder(config, 'containers/systemd'),
    runtimeUnitDir: inFolder(runtime, 'systemd/user'),
    cacheKey: inFolder(config, 'psi/cache.key'),
    credentialStore: inFolder(config, 'credstore.encrypted'),
    socket: inFolder(runtime, 'psi/psi.sock'),
    lock: inFolder(runtime, 'psi-migrate.lock'),
  };
}
