// The cache as lookups, setup and `psi cache` use it: values in memory, answered without disk or crypto. Whatever is wrong with the file or its
// key, lookups go on live. How memory and file are kept in step is the keeper's business.

import { toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { isoTimeOrNull } from '../core/time.ts';
import type { CacheFile, CacheFileContent } from './cache-file.ts';
import type { CacheLog } from './cache-log.ts';
import type { Clock } from '../core/clock.ts';
import type { KeyWrapper } from '../sealing/key-wrapper.ts';
import { CacheEntries, type Found } from './entries.ts';
import { CacheKeeper } from './keeper.ts';
import type { CacheStatus } from './status.ts';

export type SecretCacheDeps = {
  readonly file: CacheFile;
  readonly backend: KeyWrapper['backend'];
  readonly clock: Clock;
  readonly log: CacheLog;
};

export type SecretCacheOptions = {
  /** Past it a lookup asks the provider first. Undefined: never. */
  readonly maxAgeMs: number | undefined;
};

export type CacheAnswer = {
  readonly value: SecretValue;
  readonly source: 'live' | 'cache' | 'stale';
  /** Since the provider gave it; 0 for a live answer. */
  readonly ageMs: number;
};

export type Refill = {
  readonly listed: Iterable<{ readonly mapping: Mapping; readonly value: SecretValue }>;
  /** All that any workload names, those whose listing failed included; the rest is dropped. Undefined: this run does not know all. */
  readonly wanted: Iterable<Mapping> | undefined;
};

export type RefillReport = {
  readonly entries: number;
  readonly dropped: number;
  /** False: the file could not be opened and may hold more than this run knows, so it was left as it is. */
  readonly saved: boolean;
};

export class SecretCache {
  readonly #file: CacheFile;
  readonly #backend: KeyWrapper['backend'];
  readonly #maxAgeMs: number | undefined;
  readonly #entries: CacheEntries;
  readonly #keeper: CacheKeeper;
  readonly #answers = { cache: 0, live: 0, stale: 0 };

  constructor(deps: SecretCacheDeps, options: SecretCacheOptions) {
    this.#file = deps.file;
    this.#backend = deps.backend;
    this.#maxAgeMs = options.maxAgeMs;
    this.#entries = new CacheEntries(deps, options);
    this.#keeper = new CacheKeeper({ ...deps, entries: this.#entries });
  }

  /** Reads the file. Never rejects. PSI serves meanwhile: lookups take what comes first, the file or the provider. */
  open(): Promise<void> {
    return this.#keeper.open();
  }

  /** A value from memory that is not past its age. */
  held(mapping: Mapping): CacheAnswer | undefined {
    const found = this.#entries.find(mapping);
    if (found?.fresh !== true) return undefined;
    this.#answers.cache += 1;
    return fromMemory(found);
  }

  /**
   * A value from memory, else from `live`, which is remembered. `live` bounds its own time. Where the provider fails, an old value is better
   * than none; its "no such secret" is an answer, and drops what was remembered.
   */
  async resolve(mapping: Mapping, live: () => Promise<SecretValue>): Promise<CacheAnswer> {
    const held = this.held(mapping);
    if (held) return held;
    const answer = await this.#liveOrOld(mapping, live);
    this.#answers[answer.source] += 1;
    return answer;
  }

  /** What setup listed, saved as one file. Rejects if that cannot be saved; memory has it all the same. */
  async refill({ listed, wanted }: Refill): Promise<RefillReport> {
    await this.open();
    for (const { mapping, value } of listed) this.#entries.put(mapping, value);
    const all = wanted && [...wanted];
    const dropped = all ? this.#entries.retain(all) : 0;
    const saved = await this.#keeper.claim(all);
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

  /** Opens the file anew beside what is in memory, which stays as it is; undefined if there is none. Rejects with what is wrong. */
  verify(): Promise<CacheFileContent | undefined> {
    return this.#file.read();
  }

  status(): CacheStatus {
    const { oldestMs, expired } = this.#entries.ages();
    const { state, unsaved, savedAt, setAside, problem } = this.#keeper;
    return {
      backend: this.#backend,
      state,
      entries: this.#entries.size,
      expired,
      oldestAgeSeconds: oldestMs === undefined ? null : Math.round(oldestMs / 1000),
      maxAgeSeconds: this.#maxAgeMs === undefined ? null : this.#maxAgeMs / 1000,
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

  #fresh(mapping: Mapping): CacheAnswer | undefined {
    const found = this.#entries.find(mapping);
    return found?.fresh === true ? fromMemory(found) : undefined;
  }

  async #liveOrOld(mapping: Mapping, live: () => Promise<SecretValue>): Promise<CacheAnswer> {
    try {
      return await this.#firstOf(mapping, this.#ask(mapping, live));
    } catch (thrown) {
      const old = toPsiError(thrown).code === 'NOT_FOUND' ? undefined : this.#entries.find(mapping);
      if (!old) throw thrown;
      return fromMemory(old);
    }
  }

  // While the file is being read, which takes an HSM many seconds, the provider is asked at the same time.
  async #firstOf(mapping: Mapping, live: Promise<CacheAnswer>): Promise<CacheAnswer> {
    if (this.#keeper.state !== 'opening') return await live;
    const opened = this.open().then(() => {
      const answer = this.#fresh(mapping);
      if (!answer) throw new Error('not in the file');
      return answer;
    });
    return await Promise.any([live, opened]).catch(() => live);
  }

  async #ask(mapping: Mapping, live: () => Promise<SecretValue>): Promise<CacheAnswer> {
    try {
      const value = await live();
      this.#entries.put(mapping, value);
      this.#keeper.changed();
      return { value, source: 'live', ageMs: 0 };
    } catch (error) {
      if (toPsiError(error).code === 'NOT_FOUND' && this.#entries.drop([mapping]) > 0) this.#keeper.changed();
      throw error;
    }
  }
}

function fromMemory({ value, ageMs, fresh }: Found): CacheAnswer {
  return { value, source: fresh ? 'cache' : 'stale', ageMs };
}
