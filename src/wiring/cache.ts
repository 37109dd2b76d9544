// Wiring of the encrypted cache: key wrappers by backend, the file, and the values in memory. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { EncryptedCacheFile } from '../adapters/cache-file/cache-file.ts';
import { AgeRecipient } from '../adapters/age/age.ts';
import { CredentialKeyWrapper } from '../adapters/credential/key-wrapper.ts';
import { HsmKeyWrapper } from '../adapters/hsm/key-wrapper.ts';
import { pinSources, type RefusedPins } from '../adapters/hsm/pin.ts';
import { publicKeyPath } from '../adapters/hsm/public-key-file.ts';
import { TpmKeyWrapper } from '../adapters/tpm/key-wrapper.ts';
import { SecretCache } from '../cache/cache.ts';
import { cacheInUse, cacheSettings, hsmSettings } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import type { Env } from '../config/surroundings.ts';
import type { CacheConfig } from '../config/sections/cache.ts';
import type { SecretReader } from '../config/secret-reader.ts';
import type { Clock } from '../core/clock.ts';
import type { KeyFactory, Keys } from '../sealing/backends.ts';
import type { ServiceEnvironment } from '../service/environment.ts';
import { cacheLog, type Log } from '../service/log.ts';

export type KeyDeps = {
  readonly clock: Clock;
  readonly env: Env;
  readonly environment: ServiceEnvironment;
  readonly secrets: SecretReader;
  /** One for the whole process: a PIN that the service was refused must not be tried by a command either. */
  readonly refusedPins: RefusedPins;
};

export type ComposedCache = {
  readonly cache: SecretCache;
  readonly keys: readonly Keys[];
  /** Those it was made with, as `cacheSettings` writes them. */
  readonly settings: string;
};

/** Undefined: nothing is cached. Opens nothing yet. */
export function composeCache(config: Config, deps: KeyDeps & { readonly log: Log }): ComposedCache | undefined {
  const settings = cacheInUse(config);
  if (settings === undefined) return undefined;
  const { backends, path, maxAgeMs } = settings;
  const factory = keyFactory(settings, config.stateDir, deps);
  const keys = backends.map((backend) => factory[backend]());
  const recovery = settings.recovery.map((recipient) => new AgeRecipient(recipient));
  const file = new EncryptedCacheFile({ recipients: { own: keys, recovery } }, { path });
  const log = cacheLog(deps.log);
  const cache = new SecretCache({ file, backends, clock: deps.clock, log }, { maxAgeMs });
  return { cache, keys, settings: cacheSettings(config) };
}

export function keyFactory(cache: CacheConfig, stateDir: string, deps: KeyDeps): KeyFactory {
  const { clock, env, environment, refusedPins, secrets } = deps;
  return {
    tpm: () => {
      const { auth, tcti, pcrs, bank } = cache.tpm;
      return new TpmKeyWrapper({ auth: secrets.readerOf(auth) }, { tcti, pcrs, bank });
    },
    hsm: () => {
      const { pin, ...target } = hsmSettings(cache);
      const pins = pinSources({ env, readFile: readBounded, configured: secrets.readerOf(pin) });
      return new HsmKeyWrapper(
        { clock, pins, refused: refusedPins },
        { target, publicKeyPath: publicKeyPath(stateDir, target), env },
      );
    },
    credential: () =>
      new CredentialKeyWrapper(
        { readFile: readBounded },
        { name: cache.credential, folder: environment.cacheKeyFolder },
      ),
  };
}
