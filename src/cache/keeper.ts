// Keeps the entries in memory and the file in step: opens it, comes back to one whose key is away, sets a damaged one aside, saves. What is
// in memory is never replaced by what is on disk, and a file that may be good is neither moved nor replaced by less than it holds.

import { PsiError, toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import { doublingPauses, withRetries } from '../core/retry.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { CacheFile, CacheFileContent } from './cache-file.ts';
import type { CacheLog } from './cache-log.ts';
import type { Clock } from '../core/clock.ts';
import type { CacheEntries } from './entries.ts';
import type { Missed } from '../sealing/recipients.ts';
import { CacheSaver } from './saver.ts';
import { problemOf, type CacheProblem, type CacheState } from './status.ts';

const FIRST_REOPEN_MS = 15_000;
const LAST_REOPEN_MS = 10 * 60_000;

export type CacheKeeperDeps = {
  readonly entries: CacheEntries;
  readonly file: CacheFile;
  readonly clock: Clock;
  readonly log: CacheLog;
};

/** Somebody may have put right what locked the file. What asks for a PIN is not tried by the way: it has few tries. */
function mayBeTriedAgain({ details }: PsiError): boolean {
  return details['reason'] !== 'auth' && details['reason'] !== 'lockout';
}

/** The file is saved and opens for others. The next save tries it again. */
function notSealedFor({ kind, parameters, error }: Missed): PsiError {
  const who = parameters === '' ? kind : `${kind} ${parameters}`;
  return new PsiError(error.code, `it was saved without a key for ${who}: ${error.message}`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    retry: error.retry,
    details: error.details,
    cause: error,
  });
}

export class CacheKeeper {
  readonly #deps: CacheKeeperDeps;
  readonly #saver: CacheSaver;
  readonly #closing = new AbortController();
  readonly #reads = new SingleFlight<'file', void>();
  #state: CacheState = 'opening';
  #opened: Promise<void> | undefined;
  #lock: PsiError | undefined;
  #problem: { readonly error: PsiError; readonly since: number } | undefined;
  #savedAt: number | undefined;
  #setAside: string | undefined;
  #damage: PsiError | undefined;

  constructor(deps: CacheKeeperDeps) {
    this.#deps = deps;
    this.#saver = new CacheSaver({ clock: deps.clock, save: () => this.#save() });
  }

  get state(): CacheState {
    return this.#state;
  }

  get unsaved(): boolean {
    return this.#saver.pending;
  }

  get savedAt(): number | undefined {
    return this.#savedAt;
  }

  get setAside(): string | undefined {
    return this.#setAside;
  }

  /** Why the values of the file cannot be had: it is locked, or it was damaged and nothing has replaced all that it held. */
  get unopened(): PsiError | undefined {
    return this.#lock ?? this.#damage;
  }

  get problem(): CacheProblem | undefined {
    return this.#problem && problemOf(this.#problem.error, this.#problem.since);
  }

  /** Resolves when the file has been read, or cannot be for now. Never rejects. */
  open(): Promise<void> {
    this.#opened ??= this.#read().then(() => {
      if (this.#state === 'locked') void this.#reopen();
    });
    return this.#opened;
  }

  /** Tries a locked file once more, whatever it was locked for. Never rejects. */
  async reopen(): Promise<void> {
    await this.open();
    if (this.#state === 'locked') await this.#read();
  }

  /** Memory changed. A locked file may hold more than memory: then it is saved once it is open. */
  changed(): void {
    if (this.#state === 'ready') this.#saver.soon();
  }

  /** Resolves when memory is on disk. Not for a locked file. */
  save(): Promise<void> {
    return this.#saver.now();
  }

  /**
   * May the file be replaced by what is in memory? A locked one only if memory holds a newer value of all that is wanted, or if somebody
   * asked for it (`replace`): then it stays beside the new one. A run that wants nothing knows of nothing that would be lost.
   */
  async claim(wanted: readonly Mapping[] | undefined, replace: boolean): Promise<boolean> {
    await this.open();
    if (this.#lock && mayBeTriedAgain(this.#lock)) await this.#read();
    const superseded = wanted !== undefined && wanted.length > 0 && wanted.every((one) => this.#deps.entries.has(one));
    if (superseded) this.#damage = undefined;
    if (this.#state === 'ready') return true;
    if (!superseded) {
      if (!replace) return false;
      if (this.#lock?.details['file'] !== 'none') this.#setAside = await this.#deps.file.setAside();
    }
    this.#inStep();
    return true;
  }

  /** Saves memory for the recipients that there are now. Rejects with what keeps the file locked: memory may hold less. */
  async reseal(): Promise<void> {
    await this.reopen();
    if (this.#lock) throw this.#lock;
    await this.#saver.now();
  }

  /** Takes in a file that somebody else has the key of; it is saved before long. Answers how many entries it held. */
  async recover(read: () => Promise<CacheFileContent>): Promise<number> {
    await this.open();
    const { entries, writtenAt } = await read();
    this.#deps.entries.merge(entries);
    if (this.#state !== 'ready') {
      this.#savedAt = writtenAt;
      this.#inStep();
      this.#recovered();
      this.#deps.log.opened(entries.length);
    }
    this.#saver.soon();
    return entries.length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // Its failure is noted where it happens, and there is no later for it.
    await this.#saver.close().catch(() => undefined);
  }

  #read(): Promise<void> {
    return this.#reads.run('file', () => this.#readOnce());
  }

  async #readOnce(): Promise<void> {
    const { entries, file, log } = this.#deps;
    try {
      const content = await file.read();
      // Replaced while it was read: memory is newer.
      if (this.#state === 'ready') return;
      const learned = entries.size > 0;
      entries.merge(content?.entries ?? []);
      this.#savedAt = content?.writtenAt;
      this.#inStep();
      this.#recovered();
      log.opened(content?.entries.length ?? 0);
      if (learned) this.#saver.soon();
    } catch (thrown) {
      if (this.#state === 'ready') return;
      const error = toPsiError(thrown);
      if (error.details['damaged'] === true) await this.#moveAway(error);
      else this.#locked(error);
    }
  }

  async #moveAway(error: PsiError): Promise<void> {
    this.#note(error);
    try {
      this.#setAside = await this.#deps.file.setAside();
    } catch (thrown) {
      this.#locked(toPsiError(thrown));
      return;
    }
    this.#damage = error;
    this.#inStep();
    if (this.#deps.entries.size > 0) this.#saver.soon();
  }

  /** Comes back to a locked file until it is open, its lock is one that somebody has to mend, or the cache is closed. Never rejects. */
  async #reopen(): Promise<void> {
    const rule = {
      pausesMs: doublingPauses(FIRST_REOPEN_MS, LAST_REOPEN_MS),
      worthIt: ({ retry }: PsiError) => retry === 'later',
    };
    await withRetries(rule, { clock: this.#deps.clock, signal: this.#closing.signal }, async (attempt) => {
      if (attempt > 0 && this.#state === 'locked') await this.#read();
      if (this.#lock) throw this.#lock;
    }).catch(() => undefined);
  }

  async #save(): Promise<void> {
    const writtenAt = Math.round(this.#deps.clock.now());
    let missed: readonly Missed[];
    try {
      ({ missed } = await this.#deps.file.write({ entries: this.#deps.entries.all(), writtenAt }));
    } catch (thrown) {
      const error = toPsiError(thrown);
      this.#note(error);
      throw error;
    }
    this.#savedAt = writtenAt;
    const [first] = missed;
    if (first === undefined) this.#recovered();
    else this.#note(notSealedFor(first));
  }

  #inStep(): void {
    this.#state = 'ready';
    this.#lock = undefined;
    this.#deps.entries.opened();
  }

  #locked(error: PsiError): void {
    this.#state = 'locked';
    this.#lock = error;
    this.#note(error);
  }

  // Once per problem: a key that stays away must not fill the log.
  #note(error: PsiError): void {
    const known = this.#problem?.error;
    if (known?.code === error.code && known.message === error.message) return;
    this.#problem = { error, since: this.#deps.clock.now() };
    this.#deps.log.problem(error);
  }

  #recovered(): void {
    if (this.#problem) this.#deps.log.recovered();
    this.#problem = undefined;
  }
}
