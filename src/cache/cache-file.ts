// Port: the cache on disk, one encrypted file. PSI is its only writer.
//
// Failure meaning:
//   KEY_UNAVAILABLE  the key wrapper refuses or is not there; the file may be good. `retry: later` where waiting can help.
//   CACHE_CORRUPT    this version cannot open the file, whatever the key wrapper does; `details.defect` names the reason.
//   HOST             the file system refuses.

import type { CacheEntry } from './bundle.ts';

export type CacheFileContent = {
  readonly entries: readonly CacheEntry[];
  /** When it was saved; milliseconds since 1970. */
  readonly writtenAt: number;
};

export type CacheFile = {
  /** Opens and reads the file; undefined if there is none. Never changes it. */
  readonly read: () => Promise<CacheFileContent | undefined>;
  /**
   * Replaces the file, atomically and durably, under a fresh key. The event loop stays free meanwhile. One call at a time.
   * Resolves to the number of bytes written.
   */
  readonly write: (content: CacheFileContent) => Promise<number>;
  /** Moves an unreadable file out of the way, replacing one that was moved before. Resolves to its new path. */
  readonly setAside: () => Promise<string>;
};
