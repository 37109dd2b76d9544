// The sealed keys of one file, one stanza for each recipient, as bytes and as a structure (docs/cache-format.md). What is authentic is told
// by the header's MAC, which takes the key; what stands here tells what is wrong before anybody is asked for a key.

import { BACKENDS, type Backend } from './key-wrapper.ts';

/** Who a key is sealed for: what this host has at each start, or a key that is kept elsewhere. */
export type RecipientKind = Backend | 'recovery';

export const RECIPIENT_KINDS: readonly RecipientKind[] = [...BACKENDS, 'recovery'];

export type Stanza = {
  readonly kind: RecipientKind;
  /** Which of its kind: the public half of a recovery key. Empty for a backend, whose blob says itself what opens it. */
  readonly parameters: string;
  /** Its own bytes: the blob of a backend, an age file. */
  readonly wrappedKey: Uint8Array;
};

export type StanzaDefect =
  'bad-stanzas' | 'unknown-backend' | 'mixed-stanzas' | 'stanza-doubled' | 'stanza-missing' | 'stanzas-reordered';

export const FILE_ID_BYTES = 16;
export const MOST_STANZAS = 8;
export const MOST_STANZA_BYTES = 64 * 1024;
/** A TPM's blob is below 1 KiB, an RSA-8192 ciphertext 1 KiB, an age file for one recipient 232 bytes. */
export const MOST_WRAPPED_BYTES = 16 * 1024;
const MOST_PARAMETER_BYTES = 255;
const FIXED_BYTES = 22;

const TAGS: Readonly<Record<RecipientKind, number>> = { tpm: 1, hsm: 2, credential: 3, recovery: 4 };

export function kindOf(tag: number): RecipientKind | undefined {
  return RECIPIENT_KINDS.find((kind) => TAGS[kind] === tag);
}

export function encodeStanzas(stanzas: readonly Stanza[], fileId: Uint8Array): Uint8Array {
  const parts = stanzas.map((stanza, index) => encodeStanza(stanza, [index + 1, stanzas.length], fileId));
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function encodeStanza(
  { kind, parameters, wrappedKey }: Stanza,
  [number, of]: readonly [number, number],
  fileId: Uint8Array,
): Uint8Array {
  const text = new TextEncoder().encode(parameters);
  if (text.length > MOST_PARAMETER_BYTES || wrappedKey.length > MOST_WRAPPED_BYTES) {
    throw new RangeError(`a key sealed for ${kind} does not fit into a stanza`);
  }
  const bytes = new Uint8Array(FIXED_BYTES + text.length + wrappedKey.length);
  bytes.set([TAGS[kind], number, of, text.length]);
  new DataView(bytes.buffer).setUint16(4, wrappedKey.length);
  bytes.set(fileId, 6);
  bytes.set(text, FIXED_BYTES);
  bytes.set(wrappedKey, FIXED_BYTES + text.length);
  return bytes;
}

type Numbered = { readonly number: number; readonly of: number; readonly stanza: Stanza };

/** `count`: what the header says of how many there are. */
export function decodeStanzas(
  bytes: Uint8Array,
  { count, fileId }: { readonly count: number; readonly fileId: Uint8Array },
): readonly Stanza[] | StanzaDefect {
  const found: Numbered[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = decodeStanza(bytes.subarray(at), fileId);
    if (typeof next === 'string') return next;
    found.push(next);
    at += next.length;
  }
  return orderDefect(found, count) ?? found.map(({ stanza }) => stanza);
}

function decodeStanza(bytes: Uint8Array, fileId: Uint8Array): (Numbered & { readonly length: number }) | StanzaDefect {
  if (bytes.length < FIXED_BYTES) return 'bad-stanzas';
  const [tag = 0, number = 0, of = 0, parametersLength = 0] = bytes;
  const wrappedLength = new DataView(bytes.buffer, bytes.byteOffset).getUint16(4);
  const wrappedAt = FIXED_BYTES + parametersLength;
  const length = wrappedAt + wrappedLength;
  if (length > bytes.length || wrappedLength > MOST_WRAPPED_BYTES) return 'bad-stanzas';
  if (fileId.some((byte, at) => bytes[6 + at] !== byte)) return 'mixed-stanzas';
  const kind = kindOf(tag);
  if (kind === undefined) return 'unknown-backend';
  const parameters = printableText(bytes.subarray(FIXED_BYTES, wrappedAt));
  if (parameters === undefined || (parameters === '') !== (kind !== 'recovery')) return 'bad-stanzas';
  return { number, of, length, stanza: { kind, parameters, wrappedKey: bytes.subarray(wrappedAt, length) } };
}

/** Each says which it is of how many: so one that is gone is told from a header that was altered. */
function orderDefect(found: readonly Numbered[], count: number): StanzaDefect | undefined {
  const numbers = found.map(({ number }) => number);
  const of = found[0]?.of ?? 0;
  if (of < 1 || of > MOST_STANZAS || found.some((one) => one.of !== of)) return 'bad-stanzas';
  if (new Set(numbers).size < numbers.length) return 'stanza-doubled';
  if (numbers.length !== of || numbers.some((number) => number < 1 || number > of)) return 'stanza-missing';
  if (numbers.some((number, index) => number !== index + 1)) return 'stanzas-reordered';
  return count === of ? undefined : 'bad-stanzas';
}

/** Printable ASCII: it is shown to people. Undefined: something else. */
function printableText(bytes: Uint8Array): string | undefined {
  return bytes.every((byte) => byte > 0x20 && byte < 0x7f) ? String.fromCharCode(...bytes) : undefined;
}
