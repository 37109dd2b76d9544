// Port: the cache on disk, one encrypted file. PSI is its only writer.
//
// Failure meaning:
//   KEY_UNAVAILABLE  the key wrapper refuses or is not there; the file may be good. `retry: later` where waiting can help. `details.file` is
//                    `none` where there is no file yet, and could be none.
//   CACHE_CORRUPT    this PSI as it is configured cannot open the file; `details.defect` names the reason. `details.damaged` is true only
//                    where no key, no other config and no other PSI opens it either.
//   HOST             the file system refuses.

import type { SecretValue } from '../core/secret-value.ts';
import type { RecipientState } from '../sealing/recipient-state.ts';
import type { Missed } from '../sealing/recipients.ts';
import type { Stanza } from '../sealing/stanzas.ts';
import type { CacheEntry } from './bundle.ts';

export type CacheFileContent = {
  readonly entries: readonly CacheEntry[];
  /** When it was saved; milliseconds since 1970. */
  readonly writtenAt: number;
};

export type Saved = {
  readonly bytes: number;
  /** The recipients that the file is not sealed for, because they could not take the key. */
  readonly missed: readonly Missed[];
};

/** What somebody with a recovery identity needs of the file. */
export type Recoverable = {
  /** Hex. Another save is another file. */
  readonly fileId: string;
  /** Those for recovery keys. */
  readonly stanzas: readonly Stanza[];
};

export type CacheFile = {
  /** Opens and reads the file; undefined if there is none. Never changes it. */
  readonly read: () => Promise<CacheFileContent | undefined>;
  /**
   * Replaces the file, atomically and durably, under a fresh key. The event loop stays free meanwhile. One call at a time.
   */
  readonly write: (content: CacheFileContent) => Promise<Saved>;
  /** Whom the file on disk is sealed for, and who opens it now; undefined if there is none. `logIn`: a token may be asked for it too. */
  readonly recipients: (options: { readonly logIn: boolean }) => Promise<readonly RecipientState[] | undefined>;
  /** Undefined if there is no file; fails with NOT_FOUND where no recovery key opens it. */
  readonly recoverable: () => Promise<Recoverable | undefined>;
  /** As `read`, with a key that was unwrapped elsewhere; CONFLICT if the file is another one by now. */
  readonly readWith: (fileId: string, dataKey: SecretValue) => Promise<CacheFileContent>;
  /** Moves the file out of the way, beside those that were moved before: none is replaced, and there is a bound. Resolves to its new path. */
  readonly setAside: () => Promise<string>;
};
