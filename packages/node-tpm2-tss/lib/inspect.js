// Reading a TPM without changing anything: registers and properties.

import { TpmError } from './error.js';
import { addon, callTpm, checkCall } from './native.js';
import { BANKS, bankOf, checkBank, maskOf, pcrsOf } from './policy.js';

/** @import { CallOptions, PcrBank, TpmInfo } from '../index.d.ts' */
/** @import { PcrRequest } from './native.js' */

/**
 * @param {readonly number[]} pcrs
 * @param {CallOptions & {readonly bank?: PcrBank | undefined}} options
 * @returns {Promise<ReadonlyMap<number, Uint8Array>>}
 */
export async function pcrRead(pcrs, options) {
  const { tcti, deadlineMs } = checkCall(options);
  const bank = checkBank(options.bank ?? 'sha256');
  return readValues({ tcti, bank: BANKS[bank].id, pcrMask: maskOf(pcrs) }, bank, deadlineMs);
}

/**
 * All values or none: a TPM answers for a bank that is not allocated by silence, and takes a policy on it, which then always holds.
 * @param {PcrRequest} request
 * @param {PcrBank} bank
 * @param {number} deadlineMs
 * @returns {Promise<Map<number, Uint8Array>>}
 */
export async function readValues(request, bank, deadlineMs) {
  const read = await callTpm(addon.pcrRead, request, deadlineMs);
  const values = new Map(read.map(({ index, value }) => [index, value]));
  const missing = pcrsOf(request.pcrMask).filter((pcr) => values.get(pcr)?.length !== BANKS[bank].bytes);
  if (missing.length > 0) {
    const message = `PCR ${missing.join(', ')} of bank ${bank} is not allocated in this TPM: a policy on it would always hold`;
    throw new TpmError('no-bank', message, { step: 'PCR_Read', pcrs: missing });
  }
  return values;
}

// TPM2_PT_*: fixed properties from 0x100, variable ones from 0x200.
const MANUFACTURER = 0x105;
const VENDOR_STRINGS = [0x106, 0x107, 0x108, 0x109];
const FIRMWARE = [0x10b, 0x10c];
const PERMANENT = 0x200;
const LOCKOUT_COUNTER = 0x20e;
const MAX_AUTH_FAIL = 0x20f;
const LOCKOUT_INTERVAL = 0x210;
const OWNER_AUTH_SET = 0x001;
const IN_LOCKOUT = 0x200;

/** @param {CallOptions} options @returns {Promise<TpmInfo>} */
export async function info(options) {
  const { tcti, deadlineMs } = checkCall(options);
  const raw = await callTpm(addon.info, { tcti }, deadlineMs);
  const properties = new Map(raw.properties);
  /** @param {number} property */
  const value = (property) => properties.get(property) ?? 0;
  const permanent = value(PERMANENT);
  return {
    manufacturer: letters(value(MANUFACTURER)),
    vendor: VENDOR_STRINGS.map((property) => letters(value(property)))
      .join('')
      .trim(),
    firmware: FIRMWARE.flatMap((property) => [value(property) >>> 16, value(property) & 0xffff]).join('.'),
    banks: raw.banks.map(bankOf).filter((bank) => bank !== undefined),
    ownerAuthSet: (permanent & OWNER_AUTH_SET) !== 0,
    lockout: {
      active: (permanent & IN_LOCKOUT) !== 0,
      failures: value(LOCKOUT_COUNTER),
      maxFailures: value(MAX_AUTH_FAIL),
      recoverySeconds: value(LOCKOUT_INTERVAL),
    },
  };
}

/**
 * Four bytes of text in a number, as vendors give their names; what does not print is left out.
 * @param {number} packed
 */
function letters(packed) {
  const bytes = [24, 16, 8, 0].map((shift) => (packed >>> shift) & 0xff);
  return bytes
    .filter((byte) => byte > 0x1f && byte < 0x7f)
    .map((byte) => String.fromCharCode(byte))
    .join('')
    .trim();
}
