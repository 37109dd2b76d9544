// Wiring of what the control face answers about the cache and its backends. Part of the composition root.

import { randomBytes } from 'node:crypto';
import { HsmKeyWrapper } from '../adapters/hsm/key-wrapper.ts';
import { preflight } from '../adapters/hsm/preflight.ts';
import { cacheSettings, composeHsm, composeKeys, type CacheDeps, type ComposedCache } from './cache.ts';
import { defaultCache } from '../config/assemble/config.ts';
import type { Config } from '../config/config.ts';
import { PsiError } from '../core/error.ts';
import type { CacheFace } from '../faces/control/cache-routes.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import { CacheControl } from '../cache/control.ts';
import { CacheRefresh, type RefreshTarget } from '../cache/refresh.ts';
import { keyReport, tryKey, type KeyReport } from '../sealing/key-report.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { failureOf } from '../registration/run-report.ts';

export type CacheFaceDeps = CacheDeps & {
  /** What the service runs with; undefined: the cache is off. */
  readonly composed: ComposedCache | undefined;
  readonly mappings: MappingTable;
  readonly registry: Pick<SecretRegistry, 'list'>;
  readonly target: () => RefreshTarget;
  /** The config as it is on disk now: a backend is tried before the service is restarted with it. */
  readonly readConfig: () => Promise<Config>;
};

export function composeCacheFace(deps: CacheFaceDeps): CacheFace {
  const { composed, mappings, registry, clock } = deps;
  const control = composed && new CacheControl({ ...composed, mappings, registry });
  const refresh = composed && new CacheRefresh({ cache: composed.cache, mappings, clock });
  return {
    status: async (options) => control?.status(options),
    refresh: async (emit, signal) => refresh?.run(deps.target(), emit, signal),
    invalidate: (name) => {
      if (!control) throw cacheIsOff();
      return control.invalidate(name);
    },
    init: async (backend) => {
      const config = await deps.readConfig();
      const cache = config.cache ?? defaultCache(config.stateDir);
      // The service's own where it is the same: two users of a token would each send their PIN.
      const own = composed?.keys.backend === backend && composed.settings === cacheSettings(config);
      const keys = own ? composed.keys : composeKeys(backend, cache, config.stateDir, deps);
      try {
        return {
          key: await tryKey(keys, randomBytes),
          configured: cache.enabled && cache.backend === backend,
          inUse: composed?.keys.backend === backend,
          configFile: config.file,
        };
      } finally {
        if (!own) await keys.close();
      }
    },
    hsm: {
      preflight: ({ login }) =>
        withHsm(deps, async (hsm, module) => {
          const checks = await preflight(hsm, { module, login });
          return {
            backend: 'hsm',
            device: null,
            checks: checks.map(({ name, found, problem }) => ({
              name,
              found,
              problem: problem ? failureOf(problem) : null,
            })),
            problem: null,
          };
        }),
      init: () =>
        withHsm(deps, async (hsm) => {
          await hsm.init();
          if (hsm === composed?.keys) await composed.cache.reopen();
          return hsmStatus(hsm);
        }),
      status: () => withHsm(deps, hsmStatus),
    },
  };
}

async function hsmStatus(hsm: HsmKeyWrapper): Promise<KeyReport> {
  return keyReport('hsm', await hsm.describe());
}

/** The service's own wrapper where it has one: it knows which PIN was refused, and a token is for one user at a time. */
async function withHsm(
  deps: CacheFaceDeps,
  work: (hsm: HsmKeyWrapper, module: string) => Promise<KeyReport>,
): Promise<KeyReport> {
  const config = await deps.readConfig();
  const settings = config.cache?.hsm;
  const { composed } = deps;
  if (composed?.keys instanceof HsmKeyWrapper && settings) return work(composed.keys, settings.module);
  const hsm = composeHsm(settings, config.stateDir, deps);
  try {
    return await work(hsm, settings?.module ?? '');
  } finally {
    await hsm.close();
  }
}

function cacheIsOff(): PsiError {
  return new PsiError('CONFIG_INVALID', 'the cache is off: there is nothing to invalidate', {
    hint: 'turn it on in the config: `cache: {enabled: true, backend: tpm}`, then `systemctl restart psi.service`',
  });
}
