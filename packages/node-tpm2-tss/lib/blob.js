// The blob: what unsealing needs besides the TPM, as bytes (layout in README.md). Pure. The checksum tells accidents from another TPM;
// against forgery it does nothing, there the TPM stands.

import { createHash } from 'node:crypto';
import { TpmError } from './error.js';
import { BANKS, bankOf, maskOf, pcrsOf } from './policy.js';

/** @import { BlobDescription, PcrBank } from '../index.d.ts' */

/**
 * @typedef {{
 *   readonly needsAuth: boolean,
 *   readonly bank: PcrBank,
 *   readonly values: ReadonlyMap<number, Uint8Array>,
 *   readonly storageKeyName: Uint8Array,
 *   readonly publicPart: Uint8Array,
 *   readonly privatePart: Uint8Array,
 * }} Blob
 */

const MAGIC = Buffer.from('TSSB');
const VERSION = 1;
const NEEDS_AUTH = 1;
const HEAD_BYTES = MAGIC.length + 1 + 1 + 2 + 3;
const CHECKSUM_BYTES = 16;

/** @param {Blob} blob @returns {Uint8Array} */
export function encodeBlob({ needsAuth, bank, values, storageKeyName, publicPart, privatePart }) {
  const mask = maskOf([...values.keys()]);
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt8(VERSION, 4);
  head.writeUInt8(needsAuth ? NEEDS_AUTH : 0, 5);
  head.writeUInt16BE(values.size === 0 ? 0 : BANKS[bank].id, 6);
  head.set(mask, 8);
  const inOrder = pcrsOf(mask).map((pcr) => values.get(pcr) ?? new Uint8Array());
  const parts = [storageKeyName, publicPart, privatePart].flatMap((part) => [sizeOf(part), part]);
  const body = Buffer.concat([head, ...inOrder, ...parts]);
  return Buffer.concat([body, checksum(body)]);
}

/** @param {Uint8Array} bytes @returns {Blob} */
export function decodeBlob(bytes) {
  const blob = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (blob.length <= MAGIC.length) throw damaged('it is truncated');
  if (!blob.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('it does not start like one');
  const version = blob.readUInt8(4);
  // Before the checksum: another version may have another one.
  if (version !== VERSION) {
    throw new TpmError('version', `the blob has format ${String(version)}, this is for format ${String(VERSION)}`);
  }
  if (blob.length < HEAD_BYTES + CHECKSUM_BYTES) throw damaged('it is truncated');
  const body = blob.subarray(0, -CHECKSUM_BYTES);
  if (!checksum(body).equals(blob.subarray(-CHECKSUM_BYTES))) {
    throw damaged('its checksum is wrong: truncated, longer than it was, or changed');
  }
  return readBody(body);
}

/** @param {Buffer} body @returns {Blob} */
function readBody(body) {
  const flags = body.readUInt8(5);
  const mask = body.subarray(8, HEAD_BYTES);
  const pcrs = pcrsOf(mask);
  const bankId = body.readUInt16BE(6);
  const bank = pcrs.length === 0 && bankId === 0 ? 'sha256' : bankOf(bankId);
  if ((flags & ~NEEDS_AUTH) !== 0 || bank === undefined) throw damaged('its header makes no sense');
  let at = HEAD_BYTES;
  /** @param {number} length */
  const take = (length) => {
    if (at + length > body.length) throw damaged('its parts do not fit');
    at += length;
    return body.subarray(at - length, at);
  };
  const values = new Map(pcrs.map((pcr) => [pcr, take(BANKS[bank].bytes)]));
  const [storageKeyName, publicPart, privatePart] = [0, 1, 2].map(() => take(take(2).readUInt16BE()));
  if (at !== body.length || !storageKeyName || !publicPart || !privatePart) throw damaged('its parts do not fit');
  return { needsAuth: (flags & NEEDS_AUTH) !== 0, bank, values, storageKeyName, publicPart, privatePart };
}

/** @param {Uint8Array} bytes @returns {BlobDescription} */
export function describeBlob(bytes) {
  const { needsAuth, bank, values, storageKeyName } = decodeBlob(bytes);
  // Copies: what a caller does to them must not reach the blob.
  return {
    version: VERSION,
    needsAuth,
    bank: values.size === 0 ? undefined : bank,
    pcrs: new Map([...values].map(([pcr, value]) => [pcr, Uint8Array.from(value)])),
    storageKeyName: Uint8Array.from(storageKeyName),
  };
}

/** @param {string} why */
function damaged(why) {
  return new TpmError('damaged', `the blob is damaged: ${why}`);
}

/** @param {Uint8Array} part */
function sizeOf(part) {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(part.length);
  return size;
}

/** @param {Uint8Array} body */
function checksum(body) {
  return createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES);
}
