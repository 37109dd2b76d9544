// Which changes of the config take a restart. Paths and the cache are bound when the service starts, and saying so beats half of a change
// taking effect.

import { cacheSettings } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import { PsiError } from '../core/error.ts';

const BOUND_PATHS = ['stateDir', 'systemdDir', 'socket', 'controlSocket', 'podmanSocket', 'dbusSocket'] as const;

/** Why the running service cannot take over `fresh`; undefined: it can. */
export function restartNeeded(running: Config, fresh: Config): PsiError | undefined {
  const moved = BOUND_PATHS.find((key) => fresh[key] !== running[key]);
  if (moved !== undefined) {
    return new PsiError(
      'CONFIG_INVALID',
      `${running.file}: ${running[moved]} became ${fresh[moved]}, which needs a restart`,
      { hint: 'run `systemctl restart psi.service`, then this again' },
    );
  }
  if (cacheSettings(fresh) === cacheSettings(running)) return undefined;
  return new PsiError('CONFIG_INVALID', `${running.file}: \`cache\` was changed, which needs a restart`, {
    hint: 'run `systemctl restart psi.service`, then this again; a new backend is tried with `psi cache init` before',
  });
}
