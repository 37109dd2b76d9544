// The compiled addon, and the one queue in front of it.

import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { TpmError } from './error.js';
import { CallQueue } from './queue.js';

/** @import { CallOptions } from '../index.d.ts' */
/** @import { Failure, Job, Start } from './queue.js' */

/**
 * @typedef {{readonly storageKeyName: Uint8Array, readonly publicPart: Uint8Array, readonly privatePart: Uint8Array}} Sealed
 * @typedef {{readonly tcti: string, readonly bank: number, readonly pcrMask: Uint8Array}} PcrRequest
 * @typedef {{readonly tcti: string, readonly policy: Uint8Array, readonly secret: Uint8Array, readonly auth: Uint8Array}} SealRequest
 * @typedef {{readonly properties: readonly (readonly [number, number])[], readonly banks: readonly number[]}} RawInfo
 */

/**
 * @template Request, Value
 * @typedef {(request: Request, callback: (failure: Failure | null, value: Value) => void) => Job} NativeCall
 */

/**
 * @typedef {{
 *   readonly seal: NativeCall<SealRequest, Sealed>,
 *   readonly unseal: NativeCall<PcrRequest & Sealed & {readonly auth: Uint8Array}, Uint8Array>,
 *   readonly pcrRead: NativeCall<PcrRequest, {readonly index: number, readonly value: Uint8Array}[]>,
 *   readonly info: NativeCall<{readonly tcti: string}, RawInfo>,
 *   readonly end: (patienceMs: number) => void,
 * }} Addon
 */

const DEFAULT_DEADLINE_MS = 10_000;
// How long the end of the process waits for a call under way. More is of no use: a TPM that is slower than this waits in the kernel, where
// it harms nobody.
const EXIT_PATIENCE_MS = 250;

// libtss2 writes every error to stderr, where it would stand in PSI's journal without context. Read once, at its first call.
process.env['TSS2_LOG'] ??= 'all+none';

/** @type {Addon} */
export const addon = createRequire(import.meta.url)('../build/Release/tpm2_tss.node');

const queue = new CallQueue();

if (isMainThread) {
  process.once('exit', () => {
    addon.end(queue.hangs ? 0 : EXIT_PATIENCE_MS);
  });
}

/**
 * One call of the addon in its turn.
 * @template {{readonly tcti: string}} Request
 * @template Value
 * @param {NativeCall<Request, Value>} call
 * @param {Request} request
 * @param {number} deadlineMs
 * @returns {Promise<Value>}
 */
export async function callTpm(call, request, deadlineMs) {
  /** @type {Start<Value>} */
  const start = (callback) => call(request, callback);
  try {
    return await queue.run(start, { deadlineMs, discard: wipe });
  } catch (error) {
    throw error instanceof TpmError && error.kind === 'absent' ? await explainAbsence(error, request.tcti) : error;
  }
}

/** @param {unknown} value */
function wipe(value) {
  if (value instanceof Uint8Array) value.fill(0);
}

/**
 * The TSS has one code for a device that is not there and one that is not permitted.
 * @param {TpmError} error
 * @param {string} tcti
 */
async function explainAbsence(error, tcti) {
  const path = /^(?:device:|swtpm:(?:.*,)?path=)([^,]+)/.exec(tcti)?.[1];
  const why =
    path === undefined
      ? 'nothing answers'
      : await access(path, constants.R_OK | constants.W_OK).then(
          () => 'nothing answers',
          (/** @type {{code?: string}} */ { code }) =>
            code === 'ENOENT'
              ? 'there is no such file'
              : code === 'EACCES'
                ? 'this user may not open it'
                : String(code),
        );
  const { step, code, decoded } = error;
  return new TpmError('absent', `no TPM at ${tcti}: ${why}`, { step, code, decoded });
}

/**
 * Checks what all calls have in common.
 * @param {CallOptions} options
 * @returns {{readonly tcti: string, readonly deadlineMs: number}}
 */
export function checkCall({ tcti, deadlineMs = DEFAULT_DEADLINE_MS }) {
  // An empty one lets the TSS guess, a path loads any library, and a NUL would hide the rest.
  if (typeof tcti !== 'string' || !/^[a-z][a-z0-9-]*(?::[^\0]*)?$/.test(tcti)) {
    throw new TypeError('tcti must be the name of a TCTI and its settings, such as device:/dev/tpmrm0');
  }
  // Above this Node's timers fire at once.
  if (!(deadlineMs > 0 && deadlineMs < 2 ** 31)) throw new RangeError('deadlineMs must be between 0 and 2147483647');
  return { tcti, deadlineMs };
}
