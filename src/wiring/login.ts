// Wiring of `psi infisical login`. Part of the composition root.

import { systemClock } from '../adapters/clock/system-clock.ts';
import { identitiesOf } from '../adapters/infisical/identities.ts';
import { connectionDeps } from './providers.ts';
import type { Config, Env } from '../config/config.ts';
import type { ConfiguredIdentity } from '../provider/configured-identity.ts';
import { tryLogins, type LoginReport } from '../provider/try-logins.ts';

export async function composeLogin(
  config: Config,
  deps: { readonly env: Env; readonly version: string },
): Promise<LoginReport> {
  const providers = new Map<string, readonly ConfiguredIdentity[]>();
  const closers: (() => void)[] = [];
  try {
    for (const [name, provider] of config.providers) {
      const connection = await connectionDeps(config, provider, { ...deps, clock: systemClock });
      const { identities, close } = identitiesOf({ ...connection, auth: provider.auth });
      providers.set(name, identities);
      closers.push(close);
    }
    return await tryLogins(providers);
  } finally {
    for (const close of closers) close();
  }
}
