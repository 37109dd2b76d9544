// Wiring of `psi infisical login`. Part of the composition root.

import { systemClock } from '../adapters/clock/system-clock.ts';
import type { Config } from '../config/config.ts';
import type { Env } from '../config/surroundings.ts';
import { tryLoginsOf, type LoginReport } from '../provider/try-logins.ts';
import { composeProvider } from './providers.ts';

export function composeLogin(
  config: Config,
  deps: { readonly env: Env; readonly version: string },
): Promise<LoginReport> {
  return tryLoginsOf(config.providers, (_, provider) =>
    composeProvider(config, provider, { ...deps, clock: systemClock }),
  );
}
