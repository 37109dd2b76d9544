// What the cache holds, and its bytes inside the envelope (docs/cache-format.md). The bytes are plaintext: whoever asks for them
// wipes them. Values are copied out of what is decoded, so that the decoded bytes can be wiped too.

import { decodeMapping, encodeMapping, type Mapping } from '../core/mapping.ts';
import type { Fetched } from '../core/fetched.ts';
import { SecretValue } from '../core/secret-value.ts';

/** One value as its provider gave it. */
export type CacheEntry = Fetched & { readonly mapping: Mapping };

const COUNT_BYTES = 4;
/** Length of the mapping; time, version, flags, length of the value. */
const HEAD_BYTES = 8 + 4 + 1 + 4;
const ENTRY_BYTES = 4 + HEAD_BYTES;
/** The value looks like a reference and is none. */
const LITERAL = 1;
const LARGEST_VERSION = 0xffff_ffff;

/** Filling or encrypting one block takes about 0.1 ms: nobody is held up between two turns of the event loop. */
export const BLOCK_BYTES = 16 * 1024;

/** The bundle in blocks, so that the caller can let others run in between: 5,000 entries at once would take 20 to 50 ms. */
export function* encodeBundle(entries: readonly CacheEntry[]): Generator<Uint8Array<ArrayBuffer>> {
  let block = new Uint8Array(BLOCK_BYTES);
  let view = new DataView(block.buffer);
  view.setUint32(0, entries.length);
  let at = COUNT_BYTES;
  const text = new TextEncoder();
  for (const { mapping, value, fetchedAt, version, literal } of entries) {
    const place = encodeMapping(mapping);
    const bytes = value.expose();
    // A character takes three bytes at most (four are two characters).
    const most = ENTRY_BYTES + 3 * place.length + bytes.length;
    if (at + most > block.length) {
      yield block.subarray(0, at);
      block = new Uint8Array(Math.max(BLOCK_BYTES, most));
      view = new DataView(block.buffer);
      at = 0;
    }
    const { written } = text.encodeInto(place, block.subarray(at + 4));
    view.setUint32(at, written);
    at += 4 + written;
    view.setBigUint64(at, BigInt(Math.max(0, fetchedAt)));
    view.setUint32(at + 8, versionField(version));
    view.setUint8(at + 12, literal === true ? LITERAL : 0);
    view.setUint32(at + 13, bytes.length);
    block.set(bytes, at + HEAD_BYTES);
    at += HEAD_BYTES + bytes.length;
  }
  yield block.subarray(0, at);
}

/** The entries one by one; ends with false, without having yielded all of them, if the bytes are no bundle. */
export function* decodeBundle(bytes: Uint8Array): Generator<CacheEntry, boolean> {
  if (bytes.length < COUNT_BYTES) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = COUNT_BYTES;
  for (let left = view.getUint32(0); left > 0; left -= 1) {
    if (at + 4 > bytes.length) return false;
    const afterPlace = at + 4 + view.getUint32(at);
    if (afterPlace + HEAD_BYTES > bytes.length) return false;
    const afterValue = afterPlace + HEAD_BYTES + view.getUint32(afterPlace + 13);
    if (afterValue > bytes.length) return false;
    const mapping = decodePlace(bytes.subarray(at + 4, afterPlace));
    const fetchedAt = Number(view.getBigUint64(afterPlace));
    const version = view.getUint32(afterPlace + 8) || undefined;
    const flags = view.getUint8(afterPlace + 12);
    if (mapping === undefined || !Number.isSafeInteger(fetchedAt) || flags > LITERAL) return false;
    // Not slice(): the caller's bytes may be a Buffer, whose slice is no copy.
    const value = new SecretValue(new Uint8Array(bytes.subarray(afterPlace + HEAD_BYTES, afterValue)));
    // Another process's clock ordered it.
    const moment = { fetchedAt, tick: undefined };
    yield { mapping, value, ...moment, version, ...(flags === LITERAL && { literal: true }) };
    at = afterValue;
  }
  return at === bytes.length;
}

/** 0: none, or a number that is no count of versions. */
function versionField(version: number | undefined): number {
  const fits = version !== undefined && Number.isInteger(version) && version > 0 && version <= LARGEST_VERSION;
  return fits ? version : 0;
}

function decodePlace(bytes: Uint8Array): Mapping | undefined {
  try {
    return decodeMapping(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
