// What `psi cache init` and `psi hsm …` ask: a backend is tried with the config as it is on disk, before the service is restarted with it.

import { TEST_BLOCK, type KeyFactory, type Keys, type TokenKeys } from '../sealing/backends.ts';
import { keyReport, preflightReport, tryKey, type KeyReport } from '../sealing/key-report.ts';
import type { Backend } from '../sealing/key-wrapper.ts';

/** What the service runs with. */
export type RunningKeys = {
  readonly keys: readonly Keys[];
  /** What they were made from. */
  readonly settings: string;
  readonly cache: {
    /** Somebody put the key right: a file that is locked is tried once more. */
    readonly reopen: () => Promise<void>;
  };
};

/** The config as it is on disk now. */
export type ConfiguredBackends = {
  readonly configFile: string;
  /** The backends that the cache uses with this config. */
  readonly inUse: readonly Backend[];
  /** Equal to that of the running keys: they would be made the same way. */
  readonly settings: string;
  readonly namesToken: boolean;
  readonly keys: KeyFactory;
};

export type CacheBackendsDeps = {
  /** Undefined: the cache is off. */
  readonly running: RunningKeys | undefined;
  readonly configured: () => Promise<ConfiguredBackends>;
  /** That many random bytes. */
  readonly random: (bytes: number) => Uint8Array;
};

export type InitReport = {
  readonly key: KeyReport;
  /** Does the config name this backend, and does the service use it? */
  readonly configured: boolean;
  readonly inUse: boolean;
  readonly configFile: string;
};

/** Each call may take as long as its device: an HSM answers in seconds. */
export class CacheBackends {
  readonly #deps: CacheBackendsDeps;

  constructor(deps: CacheBackendsDeps) {
    this.#deps = deps;
  }

  /** Tries a backend without using it yet. */
  async init(backend: Backend): Promise<InitReport> {
    const configured = await this.#deps.configured();
    const { running, random } = this.#deps;
    const used = running?.keys.find((keys) => keys.backend === backend);
    // Where it is the same, the service's own: two users of a token would each send their PIN.
    const own = running?.settings === configured.settings ? used : undefined;
    const key = await withKeys(own, configured.keys[backend], (keys) => tryKey(keys, random));
    const { inUse, configFile } = configured;
    return { key, configured: inUse.includes(backend), inUse: used !== undefined, configFile };
  }

  preflight({ login }: { readonly login: boolean }): Promise<KeyReport> {
    return this.#withToken(async (token) => preflightReport('hsm', await token.preflight({ login })));
  }

  /** Logs in and tries the key, for people who put right a PIN; what the service uses is opened with it. */
  initToken(): Promise<KeyReport> {
    const { running } = this.#deps;
    return this.#withToken(async (token) => {
      await token.init();
      if (running?.keys.includes(token) === true) await running.cache.reopen();
      const report = await tokenReport(token);
      return { ...report, checks: [...report.checks, { ...TEST_BLOCK, problem: null }] };
    });
  }

  tokenStatus(): Promise<KeyReport> {
    return this.#withToken(tokenReport);
  }

  /** The service's own token where it has one: it knows which PIN was refused, and a token is for one user at a time. */
  async #withToken(work: (token: TokenKeys) => Promise<KeyReport>): Promise<KeyReport> {
    const { namesToken, keys } = await this.#deps.configured();
    const running = this.#deps.running?.keys.find((one) => one.backend === 'hsm');
    return withKeys(namesToken ? running : undefined, keys.hsm, work);
  }
}

/** Keys that were made for this one call are closed after it. */
async function withKeys<K extends Keys, T>(
  own: K | undefined,
  make: () => K,
  work: (keys: K) => Promise<T>,
): Promise<T> {
  if (own) return work(own);
  const keys = make();
  try {
    return await work(keys);
  } finally {
    await keys.close();
  }
}

async function tokenReport(token: TokenKeys): Promise<KeyReport> {
  return keyReport('hsm', await token.describe());
}
