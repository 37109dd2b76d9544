// Port: this host's own key (TPM, HSM), which wraps the data key of the cache, so that the disk alone opens nothing.
// Knows nothing of the cache file: bytes of a key in, an opaque blob out, and back.

import type { PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';

export const BACKENDS = ['tpm', 'hsm', 'credential'] as const;

export type Backend = (typeof BACKENDS)[number];

/** Data keys are this long, for every backend. */
export const DATA_KEY_BYTES = 32;

/**
 * Why a key is not to be had, in `details.reason` of the PsiError: stable, for status and metrics.
 * With KEY_UNAVAILABLE the blob may be good, so whoever holds it keeps it:
 * - `absent`       device, socket, module or token is not there, or not permitted
 * - `busy`         the device is there and full or in use by others
 * - `timeout`      it did not answer within the wrapper's own deadline
 * - `other-device` the blob belongs to another TPM, token or key (or the TPM was cleared since)
 * - `policy`       the host's state is not that of wrapping: a PCR moved
 * - `auth`         wrong or missing auth value or PIN
 * - `lockout`      the device takes no more tries for now
 * - `refused`      the device or its configuration forbids what was asked
 * With CACHE_CORRUPT the blob itself is no good, on any host:
 * - `damaged`      truncated, trailing bytes, flipped bits
 * - `version`      of a format that this psi does not know
 */
export type KeyFailure =
  'absent' | 'busy' | 'timeout' | 'other-device' | 'policy' | 'auth' | 'lockout' | 'refused' | 'damaged' | 'version';

/** What `psi cache status` prints of a backend. Nothing secret. */
export type WrapperStatus = {
  /** The device as the operator named it: a TCTI, a token. */
  readonly device: string;
  /** Undefined: the device answers and is fit for use. */
  readonly problem: PsiError | undefined;
  /** Facts worth a line each, in the order to print: manufacturer, PCR selection, tries left. */
  readonly facts: ReadonlyMap<string, string>;
};

/**
 * Every call ends within the wrapper's own deadline, never blocks the event loop and may run at the same time as others (the wrapper
 * queues). A failed call leaves nothing behind in the device and the wrapper fit for the next call: no restart is needed when the device
 * comes back. Failures are KEY_UNAVAILABLE or CACHE_CORRUPT with a KeyFailure as `details.reason`; `retry` is `later` only where repeating
 * the same call can succeed without anybody acting, and repeating it never costs a try of a PIN or of a lockout counter.
 */
export type KeyWrapper = {
  /** Tag in the header of a cache, so that a changed configuration is told from a damaged file. */
  readonly backend: Backend;
  /**
   * A blob that only this device opens. Two blobs of one key are never equal. Anything but DATA_KEY_BYTES bytes is INTERNAL.
   * May work where unwrap does not (an HSM's public key is enough), and the other way round.
   */
  readonly wrap: (dataKey: SecretValue) => Promise<Uint8Array>;
  /** The data key. CACHE_CORRUPT only where the blob is certainly no good; a doubt is KEY_UNAVAILABLE. Never a wrong key. */
  readonly unwrap: (blob: Uint8Array) => Promise<SecretValue>;
  /** Asks the device. Never rejects: what is wrong is in `problem`. Never uses up a try. */
  readonly describe: () => Promise<WrapperStatus>;
  /** Ends sessions and threads. Calls under way and later ones fail (KEY_UNAVAILABLE, `absent`). Waits for no hanging device. */
  readonly close: () => Promise<void>;
};
