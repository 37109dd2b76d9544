// The cryptography of a file that is sealed for recipients (docs/cache-format.md): two keys out of the data key, HMAC-SHA-256 over the
// header, AES-256-GCM over the content. The MAC is one that a second key cannot fit: with GCM alone a file could be made that opens to one
// content for one recipient and to another for the next. In blocks, with a turn of the event loop between them: lookups go on meanwhile.
// (WebCrypto works off the main thread, but copies its input on it: 5 to 20 ms for 5,000 entries, measured.)

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { encodeHeader, envelopeLength, TAG_BYTES, type Envelope, type EnvelopeHeader } from '../../sealing/envelope.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Filling or encrypting one block takes about 0.1 ms. */
const BLOCK_BYTES = 16 * 1024;

export type Sealing = Omit<EnvelopeHeader, 'contentLength'> & {
  readonly magic: Uint8Array;
  /** It must be fresh: one key seals one file. */
  readonly dataKey: Uint8Array;
};

/** The whole file. The blocks are wiped when they have been encrypted, or cannot be. */
export async function sealContent(
  content: Iterable<Uint8Array>,
  { magic, dataKey, ...fields }: Sealing,
): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  const contentKey = subkey(dataKey, 'content');
  try {
    let contentLength = 0;
    for (const block of content) {
      blocks.push(block);
      contentLength += block.length;
      await nextTurn();
    }
    const header = encodeHeader(magic, { ...fields, contentLength });
    // Not filled first: that alone would touch megabytes at once.
    const file = Buffer.allocUnsafeSlow(envelopeLength(header.length, contentLength));
    let at = 0;
    const append = (bytes: Uint8Array): void => {
      file.set(bytes, at);
      at += bytes.length;
    };
    append(header);
    append(headerMac(header, dataKey));
    const cipher = createCipheriv(CIPHER, contentKey, fields.nonce, { authTagLength: TAG_BYTES });
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
    contentKey.fill(0);
    for (const block of blocks) block.fill(0);
  }
}

/** Is the header that of the key? A stanza of another file, or for another content, gives another key. */
export function isAuthenticHeader({ header, mac }: Envelope, dataKey: Uint8Array): boolean {
  return timingSafeEqual(headerMac(header, dataKey), mac);
}

/** What is in it, for its caller to wipe; a word if something was altered. */
export async function openContent(
  envelope: Envelope,
  dataKey: Uint8Array,
): Promise<Uint8Array | 'header-altered' | 'content-altered'> {
  if (!isAuthenticHeader(envelope, dataKey)) return 'header-altered';
  const key = subkey(dataKey, 'content');
  try {
    const { nonce, associated, content, contentTag } = envelope;
    return (await decrypt({ key, nonce, associated, content, tag: contentTag })) ?? 'content-altered';
  } finally {
    key.fill(0);
  }
}

export type Sealed = {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly associated: Uint8Array;
  readonly content: Uint8Array;
  readonly tag: Uint8Array;
};

/** AES-256-GCM in blocks; undefined: it is not authentic, and nothing of it is left. */
export async function decrypt({ key, nonce, associated, content, tag }: Sealed): Promise<Uint8Array | undefined> {
  const plaintext = Buffer.allocUnsafeSlow(content.length);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(tag);
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    const block = decipher.update(content.subarray(at, at + BLOCK_BYTES));
    plaintext.set(block, at);
    block.fill(0);
    await nextTurn();
  }
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

function headerMac(header: Uint8Array, dataKey: Uint8Array): Uint8Array {
  const key = subkey(dataKey, 'header');
  try {
    return createHmac('sha256', key).update(header).digest();
  } finally {
    key.fill(0);
  }
}

function subkey(dataKey: Uint8Array, use: 'header' | 'content'): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', dataKey, new Uint8Array(0), `psi envelope ${use} 2`, KEY_BYTES));
}
