// What the `cache:` section amounts to for whoever opens the cache or tries one of its backends.

import { PsiError } from '../core/error.ts';
import type { Config } from './config.ts';
import { defaultCache, type CacheConfig, type HsmConfig } from './sections/cache.ts';

/** Undefined: nothing is cached. */
export function cacheInUse({ cache }: Config): CacheConfig | undefined {
  return cache?.enabled === true && cache.backends.length > 0 ? cache : undefined;
}

/** The section with its defaults, whether the file has one or not: a backend can be tried before the cache is turned on. */
export function cacheOrDefaults({ cache, stateDir }: Config): CacheConfig {
  return cache ?? defaultCache(stateDir);
}

/** What is bound when the service starts, as text that is equal where a restart would change nothing. The rest of `cache:` is for the units. */
export function cacheSettings({ cache }: Config): string {
  if (cache?.enabled !== true) return 'off';
  const { backends, recovery, path, maxAgeMs, tpm, hsm, credential } = cache;
  return JSON.stringify([backends, recovery, path, maxAgeMs, tpm, hsm, credential]);
}

/** The section of the HSM; without it there is no module that could be asked. */
export function hsmSettings({ hsm }: CacheConfig): HsmConfig {
  if (hsm !== undefined) return hsm;
  throw new PsiError('CONFIG_INVALID', 'the config names no PKCS#11 module', {
    hint: 'add it: `cache: {hsm: {module: /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so, key: psi}}`',
  });
}
