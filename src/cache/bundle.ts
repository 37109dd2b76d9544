// What the cache holds, and its bytes inside the envelope (docs/cache-format.md). The bytes are plaintext: whoever asks for them
// wipes them. Values are copied out of what is decoded, so that the decoded bytes can be wiped too.

import { decodeMapping, encodeMapping, type Mapping } from '../core/mapping.ts';
import type { Fetched } from '../core/fetched.ts';
import { SecretValue } from '../core/secret-value.ts';

/** One value as its provider gave it. */
export type CacheEntry = Fetched & { readonly mapping: Mapping };

const COUNT_BYTES = 4;
/** Length of the mapping, time, length of the value. */
const ENTRY_BYTES = 4 + 8 + 4;

/** Filling or encrypting one block takes about 0.1 ms: nobody is held up between two turns of the event loop. */
export const BLOCK_BYTES = 16 * 1024;

/** The bundle in blocks, so that the caller can let others run in between: 5,000 entries at once would take 20 to 50 ms. */
export function* encodeBundle(entries: readonly CacheEntry[]): Generator<Uint8Array<ArrayBuffer>> {
  let block = new Uint8Array(BLOCK_BYTES);
  let view = new DataView(block.buffer);
  view.setUint32(0, entries.length);
  let at = COUNT_BYTES;
  const text = new TextEncoder();
  for (const { mapping, value, fetchedAt } of entries) {
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
    view.setUint32(at + 8, bytes.length);
    block.set(bytes, at + 12);
    at += 12 + bytes.length;
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
    if (afterPlace + 12 > bytes.length) return false;
    const afterValue = afterPlace + 12 + view.getUint32(afterPlace + 8);
    if (afterValue > bytes.length) return false;
    const mapping = decodePlace(bytes.subarray(at + 4, afterPlace));
    const fetchedAt = Number(view.getBigUint64(afterPlace));
    if (mapping === undefined || !Number.isSafeInteger(fetchedAt)) return false;
    // Not slice(): the caller's bytes may be a Buffer, whose slice is no copy.
    const value = new SecretValue(new Uint8Array(bytes.subarray(afterPlace + 12, afterValue)));
    // Another process's clock ordered it; this format has no place for a version.
    yield { mapping, value, fetchedAt, tick: undefined, version: undefined };
    at = afterValue;
  }
  return at === bytes.length;
}

function decodePlace(bytes: Uint8Array): Mapping | undefined {
  try {
    return decodeMapping(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
