// The cache as lookups, setup and `psi cache` use it: values in memory, answered without disk or crypto. Whatever is wrong with the file or its
// key, lookups go on live. How memory and file are kept in step is the keeper's business.

import type { PsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { isoTimeOrNull } from '../core/time.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Backend } from '../sealing/key-wrapper.ts';
import type { RecipientState } from '../sealing/recipient-state.ts';
import type { CacheFile, CacheFileContent, Recoverable } from './cache-file.ts';
import type { CacheLog } from './cache-log.ts';
import type { Clock } from '../core/clock.ts';
import { CacheEntries, type Cached } from './entries.ts';
import { CacheKeeper } from './keeper.ts';
import type { CacheStatus } from './status.ts';

export type SecretCacheDeps = {
  readonly file: CacheFile;
  readonly backends: readonly Backend[];
  readonly clock: Clock;
  readonly log: CacheLog;
};

export type SecretCacheOptions = {
  /** Past it a lookup asks the provider first. Undefined: never. */
  readonly maxAgeMs: number | undefined;
};

/**
 * Where an answer came from. `live`: the provider, for this lookup or one just before it. `held`: a listing made earlier for lookups like
 * this one. `cache`: the cache. `stale`: the cache, past `cache.max_age`, because the provider failed.
 */
export type AnswerSource = 'live' | 'held' | 'cache' | 'stale';

export type Refill = {
  readonly listed: Iterable<{ readonly mapping: Mapping; readonly fetched: Fetched }>;
  /** All that any workload names, those whose listing failed included; the rest is dropped. Undefined: this run does not know all. */
  readonly wanted: Iterable<Mapping> | undefined;
  /** Somebody wants a file that cannot be opened set aside, though it may hold more than this run knows. */
  readonly replace?: boolean;
};

export type RefillReport = {
  readonly entries: number;
  readonly dropped: number;
  /** False: the file could not be opened and may hold more than this run knows, so it was left as it is. */
  readonly saved: boolean;
};

export class SecretCache {
  readonly #file: CacheFile;
  readonly #backends: readonly Backend[];
  /** Past it a lookup asks the provider first. Undefined: never. */
  readonly maxAgeMs: number | undefined;
  readonly #entries: CacheEntries;
  readonly #keeper: CacheKeeper;
  readonly #answers = { live: 0, held: 0, cache: 0, stale: 0 };

  constructor(deps: SecretCacheDeps, options: SecretCacheOptions) {
    this.#file = deps.file;
    this.#backends = deps.backends;
    this.maxAgeMs = options.maxAgeMs;
    this.#entries = new CacheEntries(deps, options);
    this.#keeper = new CacheKeeper({ ...deps, entries: this.#entries });
  }

  /** Reads the file. Never rejects. PSI serves meanwhile: lookups take what comes first, the file or the provider. */
  open(): Promise<void> {
    return this.#keeper.open();
  }

  /** What memory knows of a secret, fresh or not. */
  find(mapping: Mapping): Cached | undefined {
    return this.#entries.find(mapping);
  }

  /** While the file is being read, which takes an HSM many seconds: resolves when it has been, or cannot be. Undefined: no longer. */
  opening(): Promise<void> | undefined {
    return this.#keeper.state === 'opening' ? this.open() : undefined;
  }

  /** Why values that the file may hold cannot be had. Undefined: it was opened, or is being opened, or there is none. */
  whyNot(): PsiError | undefined {
    return this.#keeper.unopened;
  }

  /** The provider gave a value; an older one than is known changes nothing. */
  learn(mapping: Mapping, fetched: Fetched): void {
    if (this.#entries.put(mapping, fetched)) this.#keeper.changed();
  }

  /** The provider says that there is no such secret. */
  missing(mapping: Mapping): void {
    if (this.#entries.drop([mapping]) > 0) this.#keeper.changed();
  }

  /** Counts an answer for the status. */
  answered(source: AnswerSource): void {
    this.#answers[source] += 1;
  }

  /** What setup listed, saved as one file. Rejects if that cannot be saved; memory has it all the same. */
  async refill({ listed, wanted, replace = false }: Refill): Promise<RefillReport> {
    await this.open();
    for (const { mapping, fetched } of listed) this.#entries.put(mapping, fetched);
    const all = wanted && [...wanted];
    const dropped = all ? this.#entries.retain(all) : 0;
    const saved = await this.#keeper.claim(all, replace);
    if (saved) await this.#keeper.save();
    return { entries: this.#entries.size, dropped, saved };
  }

  holds(mapping: Mapping): boolean {
    return this.#entries.has(mapping);
  }

  /** Somebody put the key right: a file that is locked is tried once more. Never rejects; the status says how it went. */
  reopen(): Promise<void> {
    return this.#keeper.reopen();
  }

  /** Answers how many there were; they are gone from the file too when it resolves, or, if that is locked, as soon as it is open. */
  async forget(mappings: Iterable<Mapping>): Promise<number> {
    await this.open();
    const count = this.#entries.drop(mappings);
    if (count > 0 && this.#keeper.state === 'ready') await this.#keeper.save();
    return count;
  }

  /** Saves all for the recipients that there are now. Rejects with what keeps a file locked, or from being saved. */
  reseal(): Promise<void> {
    return this.#keeper.reseal();
  }

  recoverable(): Promise<Recoverable | undefined> {
    return this.#file.recoverable();
  }

  /** Takes in what the file holds, opened with a key that was unwrapped elsewhere. Answers how many entries it held. */
  recover(fileId: string, dataKey: SecretValue): Promise<number> {
    return this.#keeper.recover(() => this.#file.readWith(fileId, dataKey));
  }

  /** Whom the file on disk is sealed for, and who opens it now; undefined: there is none. Rejects with what is wrong with it. */
  recipients(options: { readonly logIn: boolean }): Promise<readonly RecipientState[] | undefined> {
    return this.#file.recipients(options);
  }

  /** Opens the file anew beside what is in memory, which stays as it is; undefined if there is none. Rejects with what is wrong. */
  verify(): Promise<CacheFileContent | undefined> {
    return this.#file.read();
  }

  status(): CacheStatus {
    const { oldestMs, expired, unknown } = this.#entries.ages();
    const { state, unsaved, savedAt, setAside, problem } = this.#keeper;
    return {
      backends: this.#backends,
      state,
      entries: this.#entries.size,
      expired,
      ageUnknown: unknown,
      oldestAgeSeconds: oldestMs === undefined ? null : Math.round(oldestMs / 1000),
      maxAgeSeconds: this.maxAgeMs === undefined ? null : this.maxAgeMs / 1000,
      savedAt: isoTimeOrNull(savedAt),
      unsaved,
      answers: { ...this.#answers },
      problem: problem ?? null,
      setAside: setAside ?? null,
    };
  }

  /** Saves what is left. The key wrapper is its owner's to close, afterwards. */
  close(): Promise<void> {
    return this.#keeper.close();
  }
}
