// Reading the config anew while the service runs. Part of the composition root.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { cacheSettings } from './cache.ts';
import type { Config, Env } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { PsiError } from '../core/error.ts';

/** Paths are bound when the service starts: a changed one needs a restart, and saying so beats half of it taking effect. */
export async function reload(running: Config, deps: { readonly env: Env; readonly uid: number }): Promise<Config> {
  const fresh = await loadConfig({ path: running.file, env: deps.env, uid: deps.uid, readFile });
  for (const key of ['stateDir', 'systemdDir', 'socket', 'controlSocket', 'podmanSocket', 'dbusSocket'] as const) {
    if (fresh[key] === running[key]) continue;
    throw new PsiError(
      'CONFIG_INVALID',
      `${running.file}: ${running[key]} became ${fresh[key]}, which needs a restart`,
      {
        hint: 'run `systemctl restart psi.service`, then this again',
      },
    );
  }
  if (cacheSettings(fresh) !== cacheSettings(running)) {
    throw new PsiError('CONFIG_INVALID', `${running.file}: \`cache\` was changed, which needs a restart`, {
      hint: 'run `systemctl restart psi.service`, then this again; a new backend is tried with `psi cache init` before',
    });
  }
  return fresh;
}

export async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
