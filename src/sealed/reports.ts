// What the commands about sealed secrets answer, as plain data. Never a value, but for the one command that is there for it.

import type { Failure } from '../core/failure.ts';
import type { KeyReport } from '../sealing/key-report.ts';

export type StoreReport = {
  readonly name: string;
  /** Of the value. */
  readonly bytes: number;
  /** `created` with Podman now, or `there` before, under this name. Null: it is not; `problem` says why. */
  readonly registered: 'created' | 'there' | null;
  /** The value is stored all the same. */
  readonly problem: Failure | null;
  /** The recipients that it is not sealed for, with the reason. */
  readonly missed: readonly Failure[];
};

export type SealedSecret = {
  readonly name: string;
  /** Of the file, which is a little larger than its value. */
  readonly bytes: number;
  readonly storedAt: string;
  /** Podman's names of the secrets that have the value; null: Podman was not asked, or did not answer. */
  readonly podman: readonly string[] | null;
};

export type AsideSecret = { readonly name: string; readonly asideAt: string; readonly goesAt: string };

export type SealedList = {
  readonly secrets: readonly SealedSecret[];
  /** What was removed or replaced, the newest first. */
  readonly aside: readonly AsideSecret[];
  /** Why Podman's names are missing. */
  readonly problem: Failure | null;
};

export type RemoveReport = {
  readonly name: string;
  /** Podman's secrets that went with it. */
  readonly podman: readonly string[];
  /** When it goes for good; null: nothing of it was there. */
  readonly goesAt: string | null;
};

export type RestoreReport = Pick<StoreReport, 'name' | 'registered' | 'problem'> & { readonly asideAt: string };

/** In base64. */
export type ExportReport = { readonly name: string; readonly value: string };

export type SealedStatus = {
  readonly provider: string;
  readonly fromPodman: boolean;
  readonly keepDeletedSeconds: number;
  /** Public halves of the recovery keys of the config; empty: `recovery: none`. */
  readonly recovery: readonly string[];
  readonly secrets: number;
  readonly aside: number;
  readonly keys: readonly KeyReport[];
  /** Names of values that lack a recipient of the config. */
  readonly unsealed: readonly string[];
  /** Of values that cannot be read, or with `--verify` not be opened. */
  readonly failures: readonly (Failure & { readonly name: string })[];
  readonly verified: boolean;
  readonly exit: number;
};

/** One that was sealed anew; `podman`: the names that Podman has for it, as far as they are known. */
export type SealedAnew = { readonly name: string; readonly podman: readonly string[] };

export type ResealedReport = {
  readonly sealed: readonly SealedAnew[];
  /** How many more of those that lie aside. */
  readonly aside: number;
  /** Of those that were not; one that lies aside has its time in its name. */
  readonly failures: readonly (Failure & { readonly name: string })[];
  readonly exit: number;
};

/** What the command that has the identity unwraps, in base64: the service is told single files' keys, and never sees an identity. */
export type SealedRecoveryKeys = {
  readonly files: readonly {
    readonly name: string;
    /** Milliseconds since 1970; null: in use. */
    readonly asideAt: number | null;
    readonly fileId: string;
    readonly keys: readonly { readonly recipient: string; readonly wrappedKey: string }[];
  }[];
  /** How many there are beside, which no recovery key opens, or which are damaged. */
  readonly others: number;
};
