// The config that the service runs with: what was read of it, the providers made from it, and how a changed file takes its place.

import type { Config } from '../config/config.ts';
import type { Env, ReadFile } from '../config/surroundings.ts';
import { loadConfig } from '../config/load.ts';
import type { ProviderSection } from '../config/provider-section.ts';
import { toPsiError } from '../core/error.ts';
import type { SecretField } from '../core/secret-field.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { BatchedReader } from '../lookup/batching.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import { frozenDriverOptions } from '../registration/driver-command/options.ts';
import type { Candidate } from '../registration/setup-runs.ts';
import type { SetupTarget } from '../registration/setup.ts';
import { AcceptedTokens } from './accepted-tokens.ts';
import { restartNeeded } from './restart-rules.ts';

/** All providers of one config, by name. */
export type Providers = {
  readonly sources: ReadonlyMap<string, SecretSource>;
  readonly readers: ReadonlyMap<string, BatchedReader>;
  /** Ends connections and timers. Calls under way still finish. */
  readonly close: () => void;
};

export type RunningConfigDeps = {
  readonly env: Env;
  readonly uid: number;
  readonly readFile: ReadFile;
  readonly kinds: readonly ProviderSection[];
  /** Tells one content of the file from another. */
  readonly digest: (bytes: Uint8Array) => string;
  readonly secrets: { readonly read: (field: SecretField | undefined) => Promise<SecretValue | undefined> };
  /** Connects to nothing yet. */
  readonly providersOf: (config: Config) => Promise<Providers>;
  readonly headerFile: HeaderFile;
};

/** What one reading of the config file amounts to. */
type Reading = {
  readonly config: Config;
  readonly digest: string;
  readonly token: SecretValue | undefined;
  readonly providers: Providers;
};

export class RunningConfig {
  readonly #deps: RunningConfigDeps;
  readonly #tokens: AcceptedTokens;
  #active: Reading;
  /** Of a candidate that was not activated, as with a dry run: that run may still be using them. */
  #unused: Providers | undefined;

  private constructor(deps: RunningConfigDeps, active: Reading) {
    this.#deps = deps;
    this.#active = active;
    this.#tokens = new AcceptedTokens(active.token);
  }

  /**
   * The service starts with this config. A header file with another token, or none, is put right: lookups send what is in it. Where the disk
   * does not let it, PSI serves all the same: the file may be right, and whoever asks is told.
   */
  static async start(config: Config, deps: RunningConfigDeps): Promise<RunningConfig> {
    const digest = deps.digest(await deps.readFile(config.file));
    const token = await deps.secrets.read(config.socketToken);
    const providers = await deps.providersOf(config);
    if (token) await keepHeader(deps.headerFile, token);
    return new RunningConfig(deps, { config, digest, token, providers });
  }

  get lookupTimeoutMs(): number {
    return this.#active.config.lookup.timeoutMs;
  }

  /** Tokens that the driver socket accepts now; empty: its mode is the only guard. */
  get tokens(): readonly SecretValue[] {
    return this.#tokens.all;
  }

  /** What lookups are answered for now. */
  get target(): SetupTarget {
    return targetOf(this.#active);
  }

  readerOf(provider: string): BatchedReader | undefined {
    return this.#active.providers.readers.get(provider);
  }

  /**
   * The config as it is in the file now, for one setup run; runs come one after another. A bad file, or a change that takes a restart, is
   * thrown and changes nothing.
   */
  async candidate(): Promise<Candidate> {
    this.#closeUnused();
    const next = await this.#read();
    if (next.providers !== this.#active.providers) this.#unused = next.providers;
    return {
      target: targetOf(next),
      activate: () => {
        this.#activate(next);
      },
      settle: () => {
        this.#tokens.settle(next.token);
      },
    };
  }

  /** Ends the connections of all providers. */
  close(): void {
    this.#closeUnused();
    this.#active.providers.close();
  }

  async #read(): Promise<Reading> {
    const { config, digest } = this.#active;
    const { env, uid, kinds, secrets } = this.#deps;
    const content = this.#deps.readFile(config.file);
    const freshDigest = await content.then(this.#deps.digest, () => undefined);
    // The token may be a file or a credential of its own, so it is read even where the config is the same.
    if (freshDigest === digest) return { ...this.#active, token: await secrets.read(config.socketToken) };
    // A file that cannot be read is refused by the same words as at the start.
    const fresh = await loadConfig({ path: config.file, env, uid, kinds, readFile: () => content });
    const refusal = restartNeeded(config, fresh);
    if (refusal) throw refusal;
    return {
      config: fresh,
      digest: freshDigest ?? digest,
      token: await secrets.read(fresh.socketToken),
      providers: await this.#deps.providersOf(fresh),
    };
  }

  #activate(next: Reading): void {
    const before = this.#active.providers;
    this.#tokens.admit(next.token);
    this.#active = next;
    this.#unused = undefined;
    if (before !== next.providers) before.close();
  }

  #closeUnused(): void {
    this.#unused?.close();
    this.#unused = undefined;
  }
}

async function keepHeader(file: HeaderFile, token: SecretValue): Promise<void> {
  try {
    if (!(await file.holds(token))) await file.write(token);
  } catch (thrown) {
    if (toPsiError(thrown).code !== 'HOST') throw thrown;
  }
}

function targetOf({ config, token, providers }: Reading): SetupTarget {
  return {
    workloads: config.workloads,
    socketToken: token,
    sourceOf: (provider) => providers.sources.get(provider),
    options: frozenDriverOptions(config),
  };
}
