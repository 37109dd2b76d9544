// Encrypts and decrypts the cache under a data key: AES-256-GCM over the content, and a tag of its own over the header, so that an altered
// header is told from altered content. In blocks, with a turn of the event loop between them: lookups go on meanwhile. (WebCrypto works
// off the main thread, but copies its input on it: 5 to 20 ms for 5,000 entries, measured.)

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { BLOCK_BYTES, decodeBundle, encodeBundle, type CacheEntry } from '../../cache/bundle.ts';
import { encodeHeader, fileLength, TAG_BYTES } from './envelope.ts';
import type { Defect, Envelope, HeaderFields } from './envelope.ts';

const CIPHER = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES } as const;
/** Decoding this many entries takes about 0.1 ms. */
const ENTRIES_PER_TURN = 16;

/** The two uses of a data key, as the last four bytes of the nonce: each key has a random first part, and so no nonce twice. */
const HEADER_NONCE = 0;
const CONTENT_NONCE = 1;

/** The whole file. `key` must be fresh: one key seals one file. */
export async function sealEntries(
  entries: readonly CacheEntry[],
  key: Uint8Array,
  fields: Omit<HeaderFields, 'contentLength'>,
): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  try {
    let contentLength = 0;
    for (const block of encodeBundle(entries)) {
      blocks.push(block);
      contentLength += block.length;
      await nextTurn();
    }
    const header = encodeHeader({ ...fields, contentLength });
    // Not filled first: that alone would touch megabytes at once.
    const file = Buffer.allocUnsafeSlow(fileLength(fields.wrappedKey.length, contentLength));
    let at = 0;
    const append = (bytes: Uint8Array): void => {
      file.set(bytes, at);
      at += bytes.length;
    };
    append(header);
    append(tagOf(header, key, fields.nonceField));
    const cipher = createCipheriv(CIPHER, key, nonce(fields.nonceField, CONTENT_NONCE), OPTIONS);
    cipher.setAAD(file.subarray(0, at));
    append(fields.fileId);
    for (const block of blocks) {
      append(cipher.update(block));
      block.fill(0);
      await nextTurn();
    }
    append(cipher.final());
    append(cipher.getAuthTag());
    return file;
  } finally {
    for (const block of blocks) block.fill(0);
  }
}

/** The entries, or what is wrong. Nothing decrypted is read before its tag is checked, and it is wiped when it has been read. */
export async function openEntries(envelope: Envelope, key: Uint8Array): Promise<readonly CacheEntry[] | Defect> {
  if (!isAuthenticHeader(envelope, key)) return 'header-altered';
  const plaintext = Buffer.allocUnsafeSlow(envelope.contentLength);
  try {
    const decipher = createDecipheriv(CIPHER, key, nonce(envelope.nonceField, CONTENT_NONCE), OPTIONS);
    decipher.setAAD(envelope.associated);
    decipher.setAuthTag(envelope.contentTag);
    for (let at = 0; at < envelope.contentLength; at += BLOCK_BYTES) {
      const block = decipher.update(envelope.content.subarray(at, at + BLOCK_BYTES));
      plaintext.set(block, at);
      block.fill(0);
      await nextTurn();
    }
    if (!isAuthentic(decipher)) return 'content-altered';
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

function tagOf(header: Uint8Array, key: Uint8Array, nonceField: Uint8Array): Uint8Array {
  const cipher = createCipheriv(CIPHER, key, nonce(nonceField, HEADER_NONCE), OPTIONS);
  cipher.setAAD(header);
  cipher.final();
  return cipher.getAuthTag();
}

function isAuthenticHeader({ header, headerTag, nonceField }: Envelope, key: Uint8Array): boolean {
  const decipher = createDecipheriv(CIPHER, key, nonce(nonceField, HEADER_NONCE), OPTIONS);
  decipher.setAAD(header);
  decipher.setAuthTag(headerTag);
  return isAuthentic(decipher);
}

function isAuthentic(decipher: { readonly final: () => Uint8Array }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

function nonce(field: Uint8Array, use: number): Uint8Array {
  const bytes = Buffer.alloc(field.length + 4);
  bytes.set(field);
  bytes.writeUInt32BE(use, field.length);
  return bytes;
}
