// Version 1 of the cache file, which is read and no longer written: one recipient, AES-256-GCM tags over header and content
// (docs/cache-format.md).

import { createDecipheriv } from 'node:crypto';

import { TAG_BYTES } from '../../sealing/envelope.ts';
import { FILE_ID_BYTES, kindOf, type Stanza } from '../../sealing/stanzas.ts';
import { decrypt } from '../envelope/seal.ts';

const FIXED_BYTES = 48;
const NONCE_FIELD_BYTES = 8;
const MOST_WRAPPED_BYTES = 64 * 1024;

/** The two uses of a data key, as the last four bytes of the nonce. */
const HEADER_NONCE = 0;
const CONTENT_NONCE = 1;

export type OldEnvelope = {
  readonly fileId: Uint8Array;
  readonly nonceField: Uint8Array;
  readonly writtenAt: number;
  /** The one that there is. */
  readonly stanza: Stanza;
  /** The header up to its tag: what that tag authenticates. */
  readonly header: Uint8Array;
  readonly headerTag: Uint8Array;
  /** Header and its tag: what the content's tag authenticates beside the content. */
  readonly associated: Uint8Array;
  readonly content: Uint8Array;
  readonly contentTag: Uint8Array;
};

export type OldDefect = 'truncated' | 'trailing-bytes' | 'unknown-backend' | 'bad-header' | 'mixed-files';

/** Takes the bytes apart, whose magic and version are known. Nothing of the answer is authentic yet. */
export function splitOld(bytes: Uint8Array): OldEnvelope | OldDefect {
  if (bytes.length < FIXED_BYTES) return 'truncated';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const backend = kindOf(view.getUint8(6));
  if (backend === undefined || backend === 'recovery') return 'unknown-backend';
  const wrappedLength = view.getUint32(40);
  const writtenAt = Number(view.getBigUint64(32));
  if (view.getUint8(7) !== 0 || wrappedLength > MOST_WRAPPED_BYTES || !Number.isSafeInteger(writtenAt)) {
    return 'bad-header';
  }
  const contentLength = view.getUint32(44);
  const headerEnd = FIXED_BYTES + wrappedLength;
  const contentId = headerEnd + TAG_BYTES;
  const contentAt = contentId + FILE_ID_BYTES;
  const whole = contentAt + contentLength + TAG_BYTES;
  if (bytes.length !== whole) return bytes.length < whole ? 'truncated' : 'trailing-bytes';
  const fileId = bytes.subarray(8, 8 + FILE_ID_BYTES);
  if (fileId.some((byte, at) => bytes[contentId + at] !== byte)) return 'mixed-files';
  return {
    fileId,
    nonceField: bytes.subarray(24, 24 + NONCE_FIELD_BYTES),
    writtenAt,
    stanza: { kind: backend, parameters: '', wrappedKey: bytes.subarray(FIXED_BYTES, headerEnd) },
    header: bytes.subarray(0, headerEnd),
    headerTag: bytes.subarray(headerEnd, contentId),
    associated: bytes.subarray(0, contentId),
    content: bytes.subarray(contentAt, contentAt + contentLength),
    contentTag: bytes.subarray(contentAt + contentLength),
  };
}

export async function openOld(
  envelope: OldEnvelope,
  key: Uint8Array,
): Promise<Uint8Array | 'header-altered' | 'content-altered'> {
  if (!isAuthenticOldHeader(envelope, key)) return 'header-altered';
  const { nonceField, associated, content, contentTag } = envelope;
  const sealed = { key, nonce: nonceOf(nonceField, CONTENT_NONCE), associated, content, tag: contentTag };
  return (await decrypt(sealed)) ?? 'content-altered';
}

export function isAuthenticOldHeader({ header, headerTag, nonceField }: OldEnvelope, key: Uint8Array): boolean {
  const nonce = nonceOf(nonceField, HEADER_NONCE);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(headerTag);
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

function nonceOf(field: Uint8Array, use: number): Uint8Array {
  const bytes = Buffer.alloc(NONCE_FIELD_BYTES + 4);
  bytes.set(field);
  bytes.writeUInt32BE(use, NONCE_FIELD_BYTES);
  return bytes;
}
