// A cache file in memory that fails, waits or is broken on request. It keeps a copy, as a disk does.

import { PsiError } from '../../src/core/error.ts';
import type { CacheFile, CacheFileContent, Recoverable, Saved } from '../../src/cache/cache-file.ts';
import type { SecretValue } from '../../src/core/secret-value.ts';
import type { RecipientState } from '../../src/sealing/recipient-state.ts';
import type { Missed } from '../../src/sealing/recipients.ts';

export class FakeCacheFile implements CacheFile {
  /** What is on disk; `asideContent` what was moved away. */
  content: CacheFileContent | undefined;
  broken = false;
  /** Set to make reads, or writes, fail so. */
  readFailure: PsiError | undefined;
  writeFailure: PsiError | undefined;
  /** Awaited before each read or write: a test decides when a slow key answers. */
  gate: Promise<void> = Promise.resolve();
  reads = 0;
  writes = 0;
  aside = 0;
  /** Whom the next write cannot be sealed for. */
  missed: readonly Missed[] = [];
  /** What each call of `recipients` answers, in turn; the last one stays. */
  states: (readonly RecipientState[])[] = [[]];
  /** The key that a recovery identity gives. */
  recoveryKey: string | undefined;

  async read(): Promise<CacheFileContent | undefined> {
    this.reads += 1;
    await this.gate;
    if (this.readFailure) throw this.readFailure;
    if (this.broken) {
      throw new PsiError('CACHE_CORRUPT', 'fake: the cache is cut short', {
        hint: 'psi cache refresh',
        details: { defect: 'truncated', damaged: true },
      });
    }
    return this.content;
  }

  async write(content: CacheFileContent): Promise<Saved> {
    this.writes += 1;
    const entries = content.entries.map((entry) => ({ ...entry, tick: undefined }));
    const copy = { ...content, entries };
    await this.gate;
    if (this.writeFailure) throw this.writeFailure;
    this.content = copy;
    this.broken = false;
    return { bytes: 100 * copy.entries.length, missed: this.missed };
  }

  recipients(): Promise<readonly RecipientState[] | undefined> {
    const states = this.states.length > 1 ? this.states.shift() : this.states[0];
    return Promise.resolve(this.content ? states : undefined);
  }

  recoverable(): Promise<Recoverable> {
    const kind = 'recovery';
    const stanzas = [{ kind, parameters: 'age1fake', wrappedKey: Uint8Array.of(1) }] as const;
    if (this.content && this.recoveryKey !== undefined) return Promise.resolve({ fileId: 'f1', stanzas });
    return Promise.reject(new PsiError('NOT_FOUND', 'fake: nothing to recover', { hint: 'none' }));
  }

  readWith(fileId: string, dataKey: SecretValue): Promise<CacheFileContent> {
    if (fileId !== 'f1') return Promise.reject(new PsiError('CONFLICT', 'fake: saved meanwhile', { hint: 'again' }));
    if (this.content && dataKey.exposeText() === this.recoveryKey) return Promise.resolve(this.content);
    return Promise.reject(new PsiError('CACHE_CORRUPT', 'fake: another key', { hint: 'none' }));
  }

  setAside(): Promise<string> {
    if (!this.content && !this.broken)
      return Promise.reject(new PsiError('HOST', 'fake: there is no cache', { hint: 'none' }));
    this.aside += 1;
    this.content = undefined;
    this.broken = false;
    return Promise.resolve('cache.enc.bad');
  }
}
