// A sealed value as a file (docs/sealed-secrets.md): the envelope of the cache under a magic of its own, whose content is the name and the
// value, so that two files that were exchanged are told from good ones.

import { ENVELOPE_VERSION, splitEnvelope, type Envelope } from '../../sealing/envelope.ts';
import type { SealDefect } from '../envelope/defect-words.ts';

export const MAGIC = Uint8Array.of(0x50, 0x53, 0x49, 0x53);
/** Of the envelope: in none before it was a value sealed. */
const FIRST_VERSION = 2;
const FRONT_BYTES = 6;

/** Why bytes are no sealed value that this PSI can open. */
export type SealedDefect =
  'not-sealed' | 'old-version' | 'future-version' | SealDefect | 'other-backend' | 'other-name';

export function splitSealed(bytes: Uint8Array): Envelope | SealedDefect {
  if (MAGIC.some((byte, at) => at < bytes.length && bytes[at] !== byte)) return 'not-sealed';
  if (bytes.length < FRONT_BYTES) return 'truncated';
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(MAGIC.length);
  if (version > ENVELOPE_VERSION) return 'future-version';
  return version < FIRST_VERSION ? 'old-version' : splitEnvelope(bytes);
}

/** Copies of both: whoever encrypts them wipes them. */
export function contentOf(name: string, value: Uint8Array): readonly Uint8Array[] {
  const text = new TextEncoder().encode(name);
  return [Uint8Array.of(text.length), text, Uint8Array.from(value)];
}

/** The value alone, as a copy; undefined: it is that of another name. */
export function valueOf(content: Uint8Array, name: string): Uint8Array | undefined {
  const [length = 0] = content;
  const found = new TextDecoder().decode(content.subarray(1, 1 + length));
  return found === name ? Uint8Array.from(content.subarray(1 + length)) : undefined;
}
