// The cache file by its version: the one that is written, and the one before it. The Python PSI's cache begins with the same four bytes.

import { ENVELOPE_VERSION, splitEnvelope } from '../../sealing/envelope.ts';
import type { Stanza } from '../../sealing/stanzas.ts';
import type { SealDefect } from '../envelope/defect-words.ts';
import { isAuthenticHeader, openContent } from '../envelope/seal.ts';
import { isAuthenticOldHeader, openOld, splitOld } from './v1.ts';

export const MAGIC = Uint8Array.of(0x50, 0x53, 0x49, 0x43);
/** Magic and version. */
const FRONT_BYTES = 6;
const OLD_VERSION = 1;

/** Why bytes are no cache file that this PSI can open. */
export type Defect =
  'not-a-cache' | 'python-cache' | 'old-version' | 'future-version' | SealDefect | 'other-backend' | 'bad-content';

/** A file of whichever version. Nothing of it is authentic before it was opened. */
export type CacheEnvelope = {
  readonly fileId: Uint8Array;
  readonly writtenAt: number;
  readonly stanzas: readonly Stanza[];
  readonly isAuthenticHeader: (dataKey: Uint8Array) => boolean;
  /** The bundle, for its caller to wipe. */
  readonly open: (dataKey: Uint8Array) => Promise<Uint8Array | 'header-altered' | 'content-altered'>;
};

export function splitCacheFile(bytes: Uint8Array): CacheEnvelope | Defect {
  // An empty or cut file too is told from another program's as long as what is there begins as a cache does.
  if (MAGIC.some((byte, at) => at < bytes.length && bytes[at] !== byte)) return 'not-a-cache';
  if (bytes.length < FRONT_BYTES) return 'truncated';
  if (isOfPython(bytes)) return 'python-cache';
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(MAGIC.length);
  if (version > ENVELOPE_VERSION) return 'future-version';
  if (version < OLD_VERSION) return 'old-version';
  return version === OLD_VERSION ? oldEnvelope(bytes) : newEnvelope(bytes);
}

/** One byte of version, 1, and one that says tpm (1) or hsm (2), where a cache of this PSI has a version of two bytes. */
function isOfPython(bytes: Uint8Array): boolean {
  return bytes[4] === 1 && (bytes[5] === 1 || bytes[5] === 2);
}

function newEnvelope(bytes: Uint8Array): CacheEnvelope | Defect {
  const envelope = splitEnvelope(bytes);
  if (typeof envelope === 'string') return envelope;
  return {
    fileId: envelope.fileId,
    writtenAt: envelope.writtenAt,
    stanzas: envelope.stanzas,
    isAuthenticHeader: (dataKey) => isAuthenticHeader(envelope, dataKey),
    open: (dataKey) => openContent(envelope, dataKey),
  };
}

function oldEnvelope(bytes: Uint8Array): CacheEnvelope | Defect {
  const envelope = splitOld(bytes);
  if (typeof envelope === 'string') return envelope;
  return {
    fileId: envelope.fileId,
    writtenAt: envelope.writtenAt,
    stanzas: [envelope.stanza],
    isAuthenticHeader: (dataKey) => isAuthenticOldHeader(envelope, dataKey),
    open: (dataKey) => openOld(envelope, dataKey),
  };
}
