// Wiring of the encrypted cache: from `cache:` of the config to a key wrapper, the file and the values in memory. Part of the composition root.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { EncryptedCacheFile } from '../adapters/cache-file/cache-file.ts';
import { CredentialKeyWrapper } from '../adapters/credential/key-wrapper.ts';
import { HsmKeyWrapper } from '../adapters/hsm/key-wrapper.ts';
import { pinSources, type RefusedPins } from '../adapters/hsm/pin.ts';
import { TpmKeyWrapper } from '../adapters/tpm/key-wrapper.ts';
import type { CacheConfig, Config, HsmConfig, SecretField } from '../config/config.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';
import { PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { cacheLog, type Log } from '../service/log.ts';
import type { Clock } from '../core/clock.ts';
import type { KeyWrapper } from '../sealing/key-wrapper.ts';
import { SecretCache } from '../cache/cache.ts';

export type CacheDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** One for the whole process: a PIN that the service was refused must not be tried by a command either. */
  readonly refusedPins: RefusedPins;
};

export type Backend = KeyWrapper['backend'];

export type ComposedCache = {
  readonly cache: SecretCache;
  readonly keys: KeyWrapper;
  /** Those it was made with, as `cacheSettings` writes them. */
  readonly settings: string;
  /** Saves what is left, and waits for a device that does not answer no longer than `graceMs`. */
  readonly close: (graceMs: number) => Promise<void>;
};

/** Undefined: nothing is cached. Opens nothing yet. */
export function composeCache(config: Config, deps: CacheDeps): ComposedCache | undefined {
  const settings = config.cache;
  if (settings?.enabled !== true || settings.backend === undefined) return undefined;
  const keys = composeKeys(settings.backend, settings, config.stateDir, deps);
  const file = new EncryptedCacheFile({ keys }, { path: settings.path });
  const { clock, log } = deps;
  const cache = new SecretCache(
    { file, backend: keys.backend, clock, log: cacheLog(log) },
    { maxAgeMs: settings.maxAgeMs },
  );
  const close = async (graceMs: number): Promise<void> => {
    const done = new AbortController();
    const late = clock.sleep(graceMs, done.signal).catch(() => undefined);
    await Promise.race([cache.close(), late]);
    done.abort();
    await keys.close();
  };
  return { cache, keys, settings: cacheSettings(config), close };
}

/** The key wrapper of a backend, whether the cache is on or not. Touches no device yet. */
export function composeKeys(backend: Backend, cache: CacheConfig, stateDir: string, deps: CacheDeps): KeyWrapper {
  const { env } = deps;
  switch (backend) {
    case 'tpm': {
      const { auth, tcti, pcrs, bank } = cache.tpm;
      return new TpmKeyWrapper({ auth: readerOf(auth, deps) }, { tcti, pcrs, bank });
    }
    case 'hsm':
      return composeHsm(cache.hsm, stateDir, deps);
    case 'credential':
      // Its own folder under the units that PSI renders: the key comes from a unit of its own there.
      return new CredentialKeyWrapper(
        { readFile },
        { name: cache.credential, folder: env['PSI_CACHE_KEY_DIRECTORY'] ?? env['CREDENTIALS_DIRECTORY'] },
      );
  }
}

export function composeHsm(hsm: HsmConfig | undefined, stateDir: string, deps: CacheDeps): HsmKeyWrapper {
  if (!hsm) {
    throw new PsiError('CONFIG_INVALID', 'the config names no PKCS#11 module', {
      hint: 'add it: `cache: {hsm: {module: /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so, key: psi}}`',
    });
  }
  const { clock, env, refusedPins } = deps;
  const { module, libraryParameters, token, key } = hsm;
  // One file per token and key that the config names: after an edit the old one's public key must not wrap the next cache.
  const print = createHash('sha256')
    .update(JSON.stringify([token, key]))
    .digest('hex')
    .slice(0, 12);
  return new HsmKeyWrapper(
    { clock, pins: pinSources({ env, readFile, configured: readerOf(hsm.pin, deps) }), refused: refusedPins },
    { target: { module, libraryParameters, token, key }, publicKeyPath: `${stateDir}/hsm-key.${print}.pem`, env },
  );
}

/** What is bound when the service starts. The rest of `cache:` is for the units. */
export function cacheSettings(config: Config): string {
  if (config.cache?.enabled !== true) return 'off';
  const { backend, path, maxAgeMs, tpm, hsm, credential } = config.cache;
  return JSON.stringify([backend, path, maxAgeMs, tpm, hsm, credential]);
}

function readerOf(field: SecretField | undefined, { env }: CacheDeps): (() => Promise<SecretValue>) | undefined {
  return field && (() => resolveSecret(field, { readFile, env }));
}
