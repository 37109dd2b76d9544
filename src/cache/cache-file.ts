// Port: the cache on disk, one encrypted file. PSI is its only writer.
//
// Failure meaning:
//   KEY_UNAVAILABLE  the key wrapper refuses or is not there; the file may be good. `retry: later` where waiting can help. `details.file` is
//                    `none` where there is no file yet, and could be none.
//   CACHE_CORRUPT    this PSI as it is configured cannot open the file; `details.defect` names the reason. `details.damaged` is true only
//                    where no key, no other config and no other PSI opens it either.
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
  /** Moves the file out of the way, beside those that were moved before: none is replaced, and there is a bound. Resolves to its new path. */
  readonly setAside: () => Promise<string>;
};
