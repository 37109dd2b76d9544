// The cache file as bytes and as a structure (docs/cache-format.md). No keys, no files: what is authentic is seal.ts's business.

import type { Backend } from '../../sealing/key-wrapper.ts';

/** Which kind of key wrapper wrapped the data key. */

const BACKEND_TAGS: Readonly<Record<Backend, number>> = { tpm: 1, hsm: 2, credential: 3 };

export const FILE_ID_BYTES = 16;
export const NONCE_FIELD_BYTES = 8;
export const TAG_BYTES = 16;

const MAGIC = [0x50, 0x53, 0x49, 0x43];
export const VERSION = 1;
const FIXED_BYTES = 48;
/** A TPM's blob is below 1 KiB, an RSA-8192 ciphertext 1 KiB. */
export const MAX_WRAPPED_KEY_BYTES = 64 * 1024;

export type HeaderFields = {
  readonly backend: Backend;
  /** Random; stands before the content too, so that parts of two files are told from an altered one. */
  readonly fileId: Uint8Array;
  /** Random; the first 8 bytes of both nonces. */
  readonly nonceField: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  readonly wrappedKey: Uint8Array;
  /** Of the ciphertext, without its tag. */
  readonly contentLength: number;
};

export type Envelope = HeaderFields & {
  /** The header up to its tag: what that tag authenticates. */
  readonly header: Uint8Array;
  readonly headerTag: Uint8Array;
  /** Header and its tag: what the content's tag authenticates beside the content. */
  readonly associated: Uint8Array;
  readonly content: Uint8Array;
  readonly contentTag: Uint8Array;
};

/** Why bytes are no cache file that this version can open. */
export type Defect =
  | 'not-a-cache'
  | 'old-version'
  | 'future-version'
  | 'truncated'
  | 'trailing-bytes'
  | 'unknown-backend'
  | 'other-backend'
  | 'bad-header'
  | 'mixed-files'
  | 'key-damaged'
  | 'key-version'
  | 'header-altered'
  | 'content-altered'
  | 'bad-content';

export function encodeHeader(fields: HeaderFields): Uint8Array {
  const header = new Uint8Array(FIXED_BYTES + fields.wrappedKey.length);
  const view = new DataView(header.buffer);
  header.set(MAGIC);
  view.setUint16(4, VERSION);
  view.setUint8(6, BACKEND_TAGS[fields.backend]);
  header.set(fields.fileId, 8);
  header.set(fields.nonceField, 24);
  view.setBigUint64(32, BigInt(fields.writtenAt));
  view.setUint32(40, fields.wrappedKey.length);
  view.setUint32(44, fields.contentLength);
  header.set(fields.wrappedKey, FIXED_BYTES);
  return header;
}

/** How long a file with such a header is. */
export function fileLength(wrappedLength: number, contentLength: number): number {
  return FIXED_BYTES + wrappedLength + TAG_BYTES + FILE_ID_BYTES + contentLength + TAG_BYTES;
}

/** Takes the bytes apart. Nothing of the answer is authentic yet. */
export function splitEnvelope(bytes: Uint8Array): Envelope | Defect {
  // An empty or cut file too is told from another program's as long as what is there begins as a cache does.
  if (MAGIC.some((byte, at) => at < bytes.length && bytes[at] !== byte)) return 'not-a-cache';
  if (bytes.length < FIXED_BYTES) return 'truncated';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(4);
  if (version !== VERSION) return version < VERSION ? 'old-version' : 'future-version';
  const backend = backendOf(view.getUint8(6));
  if (backend === undefined) return 'unknown-backend';
  const wrappedLength = view.getUint32(40);
  const writtenAt = Number(view.getBigUint64(32));
  if (view.getUint8(7) !== 0 || wrappedLength > MAX_WRAPPED_KEY_BYTES || !Number.isSafeInteger(writtenAt)) {
    return 'bad-header';
  }
  const contentLength = view.getUint32(44);
  const wrappedKey = bytes.subarray(FIXED_BYTES, FIXED_BYTES + wrappedLength);
  const whole = fileLength(wrappedLength, contentLength);
  if (bytes.length !== whole) return bytes.length < whole ? 'truncated' : 'trailing-bytes';
  const headerEnd = FIXED_BYTES + wrappedLength;
  const contentId = headerEnd + TAG_BYTES;
  const content = contentId + FILE_ID_BYTES;
  const fileId = bytes.subarray(8, 8 + FILE_ID_BYTES);
  if (fileId.some((byte, at) => bytes[contentId + at] !== byte)) return 'mixed-files';
  return {
    backend,
    fileId,
    nonceField: bytes.subarray(24, 24 + NONCE_FIELD_BYTES),
    writtenAt,
    wrappedKey,
    contentLength,
    header: bytes.subarray(0, headerEnd),
    headerTag: bytes.subarray(headerEnd, contentId),
    associated: bytes.subarray(0, contentId),
    content: bytes.subarray(content, content + contentLength),
    contentTag: bytes.subarray(content + contentLength),
  };
}

function backendOf(tag: number): Backend | undefined {
  return (Object.keys(BACKEND_TAGS) as Backend[]).find((name) => BACKEND_TAGS[name] === tag);
}
