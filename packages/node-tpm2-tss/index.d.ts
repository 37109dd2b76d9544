// The whole face of the package. Every promise rejects with a TpmError where the TPM, the TSS or a blob is the cause, and with a
// TypeError or RangeError where an argument is.

export type PcrBank = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/**
 * What went wrong, stable across versions:
 * - `absent`       nothing answers at that TCTI: device or socket not there, or not permitted
 * - `tcti`         the TCTI's library is not installed, or its text is not usable
 * - `not-started`  the firmware has not started the TPM
 * - `failed`       the TPM is in failure mode
 * - `busy`         its slots are full, or it asks to be called again
 * - `timeout`      no answer within the deadline
 * - `no-bank`      the PCR bank is not allocated (a policy on it would hold always)
 * - `owner-auth`   the owner hierarchy has a password and there is no fit storage key (noDA, no password) at 0x81000001
 * - `other-tpm`    sealed by another TPM, or this one was cleared since
 * - `policy`       a PCR is not what it was when sealing: `pcrs` says which
 * - `pcr-unstable` PCRs kept moving while the policy was checked
 * - `auth`         wrong or missing auth value
 * - `lockout`      dictionary-attack lockout
 * - `damaged`      the blob is not whole
 * - `version`      the blob has a format that this version does not know
 * - `unexpected`   anything else: see `decoded`
 */
export type TpmErrorKind =
  | 'absent'
  | 'tcti'
  | 'not-started'
  | 'failed'
  | 'busy'
  | 'timeout'
  | 'no-bank'
  | 'owner-auth'
  | 'other-tpm'
  | 'policy'
  | 'pcr-unstable'
  | 'auth'
  | 'lockout'
  | 'damaged'
  | 'version'
  | 'unexpected';

export type TpmErrorLayer = 'tpm' | 'esys' | 'sys' | 'mu' | 'tcti' | 'resource manager' | 'unknown';

export type TpmErrorInit = {
  /** The command or phase that failed, such as `Load`: a code means little without it. */
  readonly step?: string | undefined;
  /** TSS2_RC. Undefined where no call of the TSS failed. */
  readonly code?: number | undefined;
  /** The code in words, by Tss2_RC_Decode. */
  readonly decoded?: string | undefined;
  readonly pcrs?: readonly number[] | undefined;
  readonly cause?: unknown;
};

export class TpmError extends Error {
  constructor(kind: TpmErrorKind, message: string, init?: TpmErrorInit);
  readonly kind: TpmErrorKind;
  readonly step: string | undefined;
  readonly code: number | undefined;
  readonly decoded: string | undefined;
  /** Where the code comes from. */
  readonly layer: TpmErrorLayer | undefined;
  /** The PCRs concerned, for `policy` and `no-bank`; empty: not known. */
  readonly pcrs: readonly number[];
  /** May the same call succeed later, without anybody acting? Never true where a try is counted. */
  readonly retryable: boolean;
}

export type CallOptions = {
  /** Such as `device:/dev/tpmrm0` or `swtpm:path=/run/tpm/socket`. Never guessed. */
  readonly tcti: string;
  /** For the whole call, time in the queue included. Default 10,000. */
  readonly deadlineMs?: number | undefined;
};

export type SealOptions = CallOptions & {
  /** 0 to 23. Empty (the default): not bound to the state of the machine. */
  readonly pcrs?: readonly number[] | undefined;
  /** Default sha256. */
  readonly bank?: PcrBank | undefined;
  /** Needed for unsealing too. Wrong ones are not counted by the TPM (noDA), so take a random one, not a PIN. */
  readonly auth?: Uint8Array | undefined;
};

export type UnsealOptions = CallOptions & { readonly auth?: Uint8Array | undefined };

/** What a blob says of itself. Unauthenticated: for messages, not for decisions. */
export type BlobDescription = {
  readonly version: number;
  readonly needsAuth: boolean;
  readonly bank: PcrBank | undefined;
  /** The values at the time of sealing. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** Of the key it is sealed under. */
  readonly storageKeyName: Uint8Array;
};

export type TpmInfo = {
  /** Four letters, such as INTC, AMD, IBM. */
  readonly manufacturer: string;
  readonly vendor: string;
  readonly firmware: string;
  /** Allocated PCR banks. */
  readonly banks: readonly PcrBank[];
  readonly ownerAuthSet: boolean;
  readonly lockout: {
    readonly active: boolean;
    /** Wrong tries counted so far, and how many it takes for a lockout. */
    readonly failures: number;
    readonly maxFailures: number;
    /** After so many seconds the counter goes down by one. */
    readonly recoverySeconds: number;
  };
};

/** Longest secret that fits in a sealed object. */
export const MAX_SECRET_BYTES: 128;

/** 1 to MAX_SECRET_BYTES bytes, sealed under the storage hierarchy. */
export function seal(secret: Uint8Array, options: SealOptions): Promise<Uint8Array>;

/** The caller wipes the answer after use. An auth value that the blob does not ask for is not used. */
export function unseal(blob: Uint8Array, options: UnsealOptions): Promise<Uint8Array>;

/** Rejects with `no-bank` where a register has no value in that bank. */
export function pcrRead(
  pcrs: readonly number[],
  options: CallOptions & { readonly bank?: PcrBank | undefined },
): Promise<ReadonlyMap<number, Uint8Array>>;

export function info(options: CallOptions): Promise<TpmInfo>;

/** Reads the blob's header; throws a TpmError (`damaged`, `version`). Talks to no TPM. */
export function describeBlob(blob: Uint8Array): BlobDescription;
