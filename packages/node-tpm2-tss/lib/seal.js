// Seal and unseal: the arguments, the policy and the blob around the addon's two calls.

import { createHash } from 'node:crypto';
import { decodeBlob, encodeBlob } from './blob.js';
import { TpmError } from './error.js';
import { readValues } from './inspect.js';
import { addon, callTpm, checkCall } from './native.js';
import { BANKS, checkBank, maskOf, policyDigest } from './policy.js';

/** @import { SealOptions, UnsealOptions } from '../index.d.ts' */
/** @import { Blob } from './blob.js' */

export const MAX_SECRET_BYTES = 128;

/** @param {Uint8Array} secret @param {SealOptions} options @returns {Promise<Uint8Array>} */
export async function seal(secret, options) {
  const { tcti, deadlineMs } = checkCall(options);
  const { pcrs = [], auth } = options;
  const bank = checkBank(options.bank ?? 'sha256');
  const pcrMask = maskOf(pcrs);
  if (!(secret instanceof Uint8Array)) throw new TypeError('the secret must be a Uint8Array');
  if (secret.length < 1 || secret.length > MAX_SECRET_BYTES) {
    throw new RangeError(`the secret must have 1 to ${String(MAX_SECRET_BYTES)} bytes`);
  }
  // Copied, because the caller may wipe its own while this call waits for its turn.
  const copy = Uint8Array.from(secret);
  const authValue = auth === undefined ? new Uint8Array() : authValueOf(auth);
  const endsAt = performance.now() + deadlineMs;
  try {
    const request = { tcti, bank: BANKS[bank].id, pcrMask };
    const values = pcrs.length === 0 ? new Map() : await readValues(request, bank, deadlineMs);
    const policy = policyDigest({ bank, values, auth: auth !== undefined });
    const left = endsAt - performance.now();
    const sealed = await callTpm(addon.seal, { tcti, policy, secret: copy, auth: authValue }, left);
    return encodeBlob({ ...sealed, needsAuth: auth !== undefined, bank, values });
  } finally {
    copy.fill(0);
    authValue.fill(0);
  }
}

/** @param {Uint8Array} blob @param {UnsealOptions} options @returns {Promise<Uint8Array>} */
export async function unseal(blob, options) {
  const { tcti, deadlineMs } = checkCall(options);
  if (!(blob instanceof Uint8Array)) throw new TypeError('the blob must be a Uint8Array');
  // A copy for the same reason as above.
  const parts = decodeBlob(Uint8Array.from(blob));
  const { needsAuth, bank, values, storageKeyName, publicPart, privatePart } = parts;
  if (needsAuth && options.auth === undefined) throw new TpmError('auth', 'this blob needs an auth value');
  const auth = needsAuth && options.auth !== undefined ? authValueOf(options.auth) : new Uint8Array();
  const request = { tcti, bank: BANKS[bank].id, pcrMask: maskOf([...values.keys()]) };
  const endsAt = performance.now() + deadlineMs;
  try {
    return await callTpm(addon.unseal, { ...request, storageKeyName, publicPart, privatePart, auth }, deadlineMs);
  } catch (error) {
    if (!(error instanceof TpmError) || error.kind !== 'policy') throw error;
    // Which one moved is what somebody has to know: worth half as long again, where a slow TPM has used up its time.
    throw await explainPolicy(error, parts, request, Math.max(endsAt - performance.now(), deadlineMs / 2));
  } finally {
    auth.fill(0);
  }
}

/**
 * The TPM says "policy" and no more: compared with what was read at sealing time, the registers say which of them moved.
 * @param {TpmError} error
 * @param {Blob} blob
 * @param {{readonly tcti: string, readonly bank: number, readonly pcrMask: Uint8Array}} request
 * @param {number} leftMs
 */
async function explainPolicy(error, { bank, values }, request, leftMs) {
  const now = await callTpm(addon.pcrRead, request, leftMs).catch(() => undefined);
  if (now === undefined) return error;
  const current = new Map(now.map(({ index, value }) => [index, value]));
  const moved = [...values].filter(([pcr, value]) => !equal(value, current.get(pcr))).map(([pcr]) => pcr);
  if (moved.length === 0) return error;
  const { step, code, decoded } = error;
  const message = `PCR ${moved.join(', ')} (${bank}) changed since sealing`;
  return new TpmError('policy', message, { step, code, decoded, pcrs: moved });
}

/** @param {Uint8Array} one @param {Uint8Array | undefined} other */
function equal(one, other) {
  return other !== undefined && Buffer.compare(one, other) === 0;
}

/**
 * A TPM takes at most 32 bytes and drops zeros at their end: so a digest, made to end in something else.
 * @param {Uint8Array} auth
 */
function authValueOf(auth) {
  if (!(auth instanceof Uint8Array)) throw new TypeError('auth must be a Uint8Array');
  if (auth.length === 0) throw new RangeError('auth must not be empty: leave it out for none');
  const value = createHash('sha256').update('node-tpm2-tss auth\0').update(auth).digest();
  value[31] = (value[31] ?? 0) | 1;
  return value;
}
