// A cache file in memory that fails, waits or is broken on request. It keeps a copy, as a disk does.

import { PsiError } from '../../src/core/error.ts';
import type { CacheFile, CacheFileContent } from '../../src/cache/cache-file.ts';

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

  async write(content: CacheFileContent): Promise<number> {
    this.writes += 1;
    const entries = content.entries.map((entry) => ({ ...entry, tick: undefined }));
    const copy = { ...content, entries };
    await this.gate;
    if (this.writeFailure) throw this.writeFailure;
    this.content = copy;
    this.broken = false;
    return 100 * copy.entries.length;
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
