// PCR selections and policy digests, as a TPM computes them (TPM 2.0 Library, part 3, PolicyPCR and PolicyAuthValue). Pure: computed
// here from values read before, so that the values in a blob are those that it is bound to.

import { createHash } from 'node:crypto';

/** @import { PcrBank } from '../index.d.ts' */

export const PCRS = 24;
const MASK_BYTES = PCRS / 8;

const POLICY_PCR = 0x17f;
const POLICY_AUTH_VALUE = 0x16b;

/** @type {Readonly<Record<PcrBank, {readonly id: number, readonly bytes: number}>>} */
export const BANKS = {
  sha1: { id: 0x0004, bytes: 20 },
  sha256: { id: 0x000b, bytes: 32 },
  sha384: { id: 0x000c, bytes: 48 },
  sha512: { id: 0x000d, bytes: 64 },
};

/** @param {number} id @returns {PcrBank | undefined} */
export function bankOf(id) {
  const names = /** @type {PcrBank[]} */ (Object.keys(BANKS));
  return names.find((name) => BANKS[name].id === id);
}

/** @param {unknown} bank @returns {PcrBank} */
export function checkBank(bank) {
  if (typeof bank !== 'string' || !Object.hasOwn(BANKS, bank)) {
    throw new TypeError(`bank must be one of ${Object.keys(BANKS).join(', ')}`);
  }
  return /** @type {PcrBank} */ (bank);
}

/**
 * One bit per register, lowest first.
 * @param {readonly number[]} pcrs
 */
export function maskOf(pcrs) {
  const mask = new Uint8Array(MASK_BYTES);
  for (const pcr of pcrs) {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr >= PCRS) throw new RangeError('a PCR is a number from 0 to 23');
    mask[pcr >> 3] = (mask[pcr >> 3] ?? 0) | (1 << (pcr & 7));
  }
  return mask;
}

/**
 * Ascending.
 * @param {Uint8Array} mask
 */
export function pcrsOf(mask) {
  return Array.from({ length: PCRS }, (_, pcr) => pcr).filter(
    (pcr) => ((mask[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0,
  );
}

/**
 * The digest to seal under. Without PCRs and auth it is the empty policy, which every policy session satisfies.
 * @param {{readonly bank: PcrBank, readonly values: ReadonlyMap<number, Uint8Array>, readonly auth: boolean}} policy
 */
export function policyDigest({ bank, values, auth }) {
  let digest = Buffer.alloc(32);
  if (values.size > 0) {
    const mask = maskOf([...values.keys()]);
    const all = createHash('sha256');
    for (const pcr of pcrsOf(mask)) all.update(values.get(pcr) ?? new Uint8Array());
    // A list of one selection: count, bank, length of the mask, mask.
    const selection = Buffer.concat([uint32(1), uint16(BANKS[bank].id), Uint8Array.of(mask.length), mask]);
    digest = extend(digest, POLICY_PCR, selection, all.digest());
  }
  return auth ? extend(digest, POLICY_AUTH_VALUE) : digest;
}

/** @param {Uint8Array} digest @param {number} command @param {Uint8Array[]} parts */
function extend(digest, command, ...parts) {
  return createHash('sha256')
    .update(Buffer.concat([digest, uint32(command), ...parts]))
    .digest();
}

/** @param {number} value */
function uint16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** @param {number} value */
function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
