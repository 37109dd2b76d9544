// Port: secrets that Podman was asked to replace and has not confirmed. Podman deletes before it stores: killed between the two, it has lost
// the secret, and this is all that knows of it.

import type { StoredMapping } from '../core/mapping.ts';

/** What it takes to create a secret again; never a value. */
export type UnfinishedReplace = {
  readonly name: string;
  /** The one that it had. */
  readonly id: string;
  readonly mapping: StoredMapping;
  /** Of its label; undefined: it has none. */
  readonly workload: string | undefined;
};

/** More than can be lost before somebody looks; a further replace is refused. */
export const MOST_UNFINISHED = 100;

export type ReplaceDebt = {
  /** Fails with HOST where it cannot be told. */
  readonly read: () => Promise<readonly UnfinishedReplace[]>;
  /** In place of what was there; durable when it resolves. Fails with HOST. */
  readonly write: (unfinished: readonly UnfinishedReplace[]) => Promise<void>;
};
