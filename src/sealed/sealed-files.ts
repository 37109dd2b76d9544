// Port: sealed values on disk, each a file of its own, encrypted for this host's backends and for the recovery keys that the config names.
// Nothing else has them, so nothing of them is ever removed at once: what goes, or is replaced, lies aside for some days.
//
// Failure meaning:
//   NOT_FOUND        there is no such value.
//   KEY_UNAVAILABLE  what opens it is not there; the file may be good.
//   CACHE_CORRUPT    nothing here opens it; `details.defect` names the reason.
//   HOST             the file system refuses.

import type { SecretValue } from '../core/secret-value.ts';
import type { Missed } from '../sealing/recipients.ts';
import type { Stanza } from '../sealing/stanzas.ts';

/** Podman's own bounds (measured). */
export const MOST_VALUE_BYTES = 511_999;

export type SealedFile = {
  readonly name: string;
  /** Of the file, which is a little larger than its value. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
};

export type AsideFile = {
  readonly name: string;
  /** When it was removed or replaced; milliseconds since 1970. One name may have lain aside several times. */
  readonly asideAt: number;
};

/** Where a value lies: in use, or aside since a time (milliseconds since 1970). */
export type SealedAt = { readonly name: string; readonly asideAt: number | null };

/** What somebody with a recovery identity needs of one file. */
export type RecoverableFile = SealedAt & {
  /** Hex. A value that is stored anew is another file. */
  readonly fileId: string;
  /** Those for recovery keys. */
  readonly stanzas: readonly Stanza[];
};

export type SealedFiles = {
  readonly read: (name: string) => Promise<SecretValue>;
  /** Whoever holds a key is asked for it again, once for all files that it opens. */
  readonly forgetKeys: () => void;
  readonly readAt: (at: SealedAt) => Promise<SecretValue>;
  /**
   * One call at a time. Atomic and durable; what was there lies aside from `now` on. Resolves to the backends that it is not sealed for,
   * because they are away; one of them and each recovery key has to take it, or nothing is written.
   */
  readonly write: (name: string, value: SecretValue, now: number) => Promise<readonly Missed[]>;
  /**
   * The same value where it lies, sealed for those who are there now: one of them has given the key back before, so nothing is kept of the
   * file that is replaced. Atomic, durable and one call at a time; rejects and resolves as `write` does.
   */
  readonly rewrite: (at: SealedAt, value: SecretValue, now: number) => Promise<readonly Missed[]>;
  /**
   * The next value is sealed under a fresh key, for those who are there now: one that is in use may be for a card that was exchanged
   * since.
   */
  readonly renewKey: () => void;
  readonly list: () => Promise<readonly SealedFile[]>;
  readonly listAside: () => Promise<readonly AsideFile[]>;
  /** False: there is none. */
  readonly putAside: (name: string, now: number) => Promise<boolean>;
  /** In its place again; what is there now lies aside. NOT_FOUND: it does not lie aside. */
  readonly takeBack: (file: AsideFile, now: number) => Promise<void>;
  /** Is it a second name of what is in its place? A kill in the middle of a write leaves one. */
  readonly isInPlace: (file: AsideFile) => Promise<boolean>;
  readonly removeAside: (file: AsideFile) => Promise<void>;
  /** Which recipients of the config it is not sealed for; asks none of them. */
  readonly lacking: (name: string) => Promise<readonly string[]>;
  /** Fails with NOT_FOUND where no recovery key opens it. */
  readonly recoverable: (at: SealedAt) => Promise<RecoverableFile>;
  /** As `readAt`, with a key that was unwrapped elsewhere; CONFLICT if the file is another one by now. */
  readonly readWith: (at: SealedAt, fileId: string, dataKey: SecretValue) => Promise<SecretValue>;
};
