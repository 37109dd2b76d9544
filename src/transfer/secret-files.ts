// Port: files that hold a secret on purpose, because somebody asked for one. Fails with HOST; with USAGE for an owner that is not known.

import type { SecretValue } from '../core/secret-value.ts';

/** -1: as it is for whoever writes. */
export type FileOwner = { readonly uid: number; readonly gid: number };

export type SecretFiles = {
  /** `USER`, `USER:GROUP`, `:GROUP` or numbers in their place. */
  readonly ownerOf: (text: string) => Promise<FileOwner>;
  /** The whole value or what was there before, and never readable for others than the mode says. */
  readonly write: (
    path: string,
    value: SecretValue,
    options: { readonly mode: number; readonly owner: FileOwner | undefined },
  ) => Promise<void>;
};
