// A user's folders after the XDG base directory specification: one reading of the environment for all that PSI keeps there.

export type BaseDirectories = {
  readonly home: string;
  readonly config: string;
  readonly data: string;
  readonly state: string;
  readonly cache: string;
  readonly runtime: string;
};

export function baseDirectories(env: Readonly<Record<string, string | undefined>>, uid: number): BaseDirectories {
  // Without HOME (a bare `env -i`) the paths still have to be absolute; the error for a missing file then shows what was tried.
  const home = absolute(env['HOME']) ?? '/';
  return {
    home,
    config: absolute(env['XDG_CONFIG_HOME']) ?? inFolder(home, '.config'),
    data: absolute(env['XDG_DATA_HOME']) ?? inFolder(home, '.local/share'),
    state: absolute(env['XDG_STATE_HOME']) ?? inFolder(home, '.local/state'),
    cache: absolute(env['XDG_CACHE_HOME']) ?? inFolder(home, '.cache'),
    runtime: absolute(env['XDG_RUNTIME_DIR']) ?? `/run/user/${String(uid)}`,
  };
}

export function inFolder(folder: string, rest: string): string {
  return `${folder.replace(/\/+$/, '')}/${rest}`;
}

/** The specification: a relative path there is to be ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') === true ? path : undefined;
}
