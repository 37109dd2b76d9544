// A file that is sealed for recipients, version 2, as bytes and as a structure (docs/cache-format.md): a header with a stanza for each
// recipient, a MAC over it, the content. Knows neither keys nor what the content is: each kind of file has a magic of its own.

import { decodeStanzas, encodeStanzas, FILE_ID_BYTES, MOST_STANZA_BYTES, MOST_STANZAS } from './stanzas.ts';
import type { Stanza, StanzaDefect } from './stanzas.ts';

export const ENVELOPE_VERSION = 2;
export const MAGIC_BYTES = 4;
export const NONCE_BYTES = 12;
export const MAC_BYTES = 32;
export const TAG_BYTES = 16;

/** Where the fields of the header stand. */
const AT = { version: 4, zero: 6, count: 7, fileId: 8, nonce: 24, writtenAt: 36, stanzas: 44, content: 48 } as const;
const FIXED_BYTES = 52;

export type EnvelopeHeader = {
  /** Random; stands in each stanza and before the content too, so that parts of two files are told from an altered one. */
  readonly fileId: Uint8Array;
  /** Random, of the content. */
  readonly nonce: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  readonly stanzas: readonly Stanza[];
  /** Of the ciphertext, without its tag. */
  readonly contentLength: number;
};

export type Envelope = EnvelopeHeader & {
  /** The header up to its MAC: what that authenticates. */
  readonly header: Uint8Array;
  readonly mac: Uint8Array;
  /** Header and MAC: what the content's tag authenticates beside the content. */
  readonly associated: Uint8Array;
  readonly content: Uint8Array;
  readonly contentTag: Uint8Array;
};

/** What is wrong with a file of this version, as far as its structure tells. */
export type EnvelopeDefect = 'truncated' | 'trailing-bytes' | 'bad-header' | 'mixed-files' | StanzaDefect;

export function encodeHeader(magic: Uint8Array, fields: EnvelopeHeader): Uint8Array {
  const stanzas = encodeStanzas(fields.stanzas, fields.fileId);
  if (fields.stanzas.length < 1 || fields.stanzas.length > MOST_STANZAS || stanzas.length > MOST_STANZA_BYTES) {
    throw new RangeError('the sealed keys do not fit into a header');
  }
  const header = new Uint8Array(FIXED_BYTES + stanzas.length);
  const view = new DataView(header.buffer);
  header.set(magic);
  view.setUint16(AT.version, ENVELOPE_VERSION);
  view.setUint8(AT.count, fields.stanzas.length);
  header.set(fields.fileId, AT.fileId);
  header.set(fields.nonce, AT.nonce);
  view.setBigUint64(AT.writtenAt, BigInt(fields.writtenAt));
  view.setUint32(AT.stanzas, stanzas.length);
  view.setUint32(AT.content, fields.contentLength);
  header.set(stanzas, FIXED_BYTES);
  return header;
}

/** How long a file with such a header is. */
export function envelopeLength(headerLength: number, contentLength: number): number {
  return headerLength + MAC_BYTES + FILE_ID_BYTES + contentLength + TAG_BYTES;
}

/** Takes the bytes apart, whose magic and version are known. Nothing of the answer is authentic yet. */
export function splitEnvelope(bytes: Uint8Array): Envelope | EnvelopeDefect {
  if (bytes.length < FIXED_BYTES) return 'truncated';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stanzasLength = view.getUint32(AT.stanzas);
  const writtenAt = Number(view.getBigUint64(AT.writtenAt));
  if (view.getUint8(AT.zero) !== 0 || stanzasLength > MOST_STANZA_BYTES || !Number.isSafeInteger(writtenAt)) {
    return 'bad-header';
  }
  const contentLength = view.getUint32(AT.content);
  const headerEnd = FIXED_BYTES + stanzasLength;
  const whole = envelopeLength(headerEnd, contentLength);
  if (bytes.length !== whole) return bytes.length < whole ? 'truncated' : 'trailing-bytes';
  const fileId = bytes.subarray(AT.fileId, AT.fileId + FILE_ID_BYTES);
  const contentId = headerEnd + MAC_BYTES;
  if (fileId.some((byte, at) => bytes[contentId + at] !== byte)) return 'mixed-files';
  const stanzas = decodeStanzas(bytes.subarray(FIXED_BYTES, headerEnd), { count: view.getUint8(AT.count), fileId });
  if (typeof stanzas === 'string') return stanzas;
  const content = contentId + FILE_ID_BYTES;
  return {
    fileId,
    nonce: bytes.subarray(AT.nonce, AT.nonce + NONCE_BYTES),
    writtenAt,
    stanzas,
    contentLength,
    header: bytes.subarray(0, headerEnd),
    mac: bytes.subarray(headerEnd, contentId),
    associated: bytes.subarray(0, contentId),
    content: bytes.subarray(content, content + contentLength),
    contentTag: bytes.subarray(content + contentLength),
  };
}
