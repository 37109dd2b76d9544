// Wiring of what the control face answers about the cache and its backends. Part of the composition root.

import { randomBytes } from 'node:crypto';
import { CacheBackends, type ConfiguredBackends } from '../cache/backends.ts';
import { CacheControl } from '../cache/control.ts';
import { CacheReseal } from '../cache/reseal.ts';
import { CacheRefresh, type RefreshTarget } from '../cache/refresh.ts';
import { cacheInUse, cacheOrDefaults, cacheSettings } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import type { CacheFace } from '../faces/control/cache-routes.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { SurveyEvent } from '../survey/events.ts';
import { keyFactory, type ComposedCache, type KeyDeps } from './cache.ts';

export type CacheFaceDeps = KeyDeps & {
  /** What the service runs with; undefined: the cache is off. */
  readonly composed: ComposedCache | undefined;
  readonly mappings: MappingTable;
  readonly registry: Pick<SecretRegistry, 'list'>;
  readonly target: (emit: (event: SurveyEvent) => void, signal: AbortSignal) => Promise<RefreshTarget>;
  /** The config as it is on disk now. */
  readonly readConfig: () => Promise<Config>;
};

export function composeCacheFace(deps: CacheFaceDeps): CacheFace {
  const { composed, mappings, registry, clock } = deps;
  const control = new CacheControl({ running: composed, mappings, registry });
  const refresh = composed === undefined ? undefined : new CacheRefresh({ cache: composed.cache, mappings, clock });
  const backends = new CacheBackends({
    running: composed,
    configured: async () => configuredBackends(await deps.readConfig(), deps),
    random: randomBytes,
  });
  const reseal = new CacheReseal({
    running: composed,
    settingsNow: async () => cacheSettings(await deps.readConfig()),
  });
  return {
    status: (options) => control.status(options),
    refresh: async (options, emit, signal) => refresh?.run(await deps.target(emit, signal), options, emit, signal),
    invalidate: (name) => control.invalidate(name),
    reseal: () => reseal.reseal(),
    recoverable: () => reseal.recoverable(),
    recover: (fileId, dataKey) => reseal.recover(fileId, dataKey),
    init: (backend) => backends.init(backend),
    hsm: {
      preflight: (options) => backends.preflight(options),
      init: () => backends.initToken(),
      status: () => backends.tokenStatus(),
    },
  };
}

function configuredBackends(config: Config, deps: KeyDeps): ConfiguredBackends {
  const cache = cacheOrDefaults(config);
  return {
    configFile: config.file,
    inUse: cacheInUse(config)?.backends ?? [],
    settings: cacheSettings(config),
    namesToken: cache.hsm !== undefined,
    keys: keyFactory(cache, config.stateDir, deps),
  };
}
