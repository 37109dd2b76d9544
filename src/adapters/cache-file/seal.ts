// The entries of the cache as the content of a sealed file, and back.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { decodeBundle, encodeBundle, type CacheEntry } from '../../cache/bundle.ts';
import { sealContent, type Sealing } from '../envelope/seal.ts';
import { MAGIC, type CacheEnvelope, type Defect } from './format.ts';

/** Decoding this many entries takes about 0.1 ms. */
const ENTRIES_PER_TURN = 16;

/** The whole file. */
export function sealEntries(entries: readonly CacheEntry[], sealing: Omit<Sealing, 'magic'>): Promise<Uint8Array> {
  return sealContent(encodeBundle(entries), { ...sealing, magic: MAGIC });
}

/** The entries, or what is wrong. Nothing decrypted is read before its tag is checked, and it is wiped when it has been read. */
export async function openEntries(
  envelope: CacheEnvelope,
  dataKey: Uint8Array,
): Promise<readonly CacheEntry[] | Defect> {
  const plaintext = await envelope.open(dataKey);
  if (typeof plaintext === 'string') return plaintext;
  try {
    const entries: CacheEntry[] = [];
    const decoding = decodeBundle(plaintext);
    for (let next = decoding.next(); ; next = decoding.next()) {
      if (next.done === true) return next.value ? entries : 'bad-content';
      entries.push(next.value);
      if (entries.length % ENTRIES_PER_TURN === 0) await nextTurn();
    }
  } finally {
    plaintext.fill(0);
  }
}
