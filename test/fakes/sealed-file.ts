// A file that is sealed for recipients, taken apart and put together wrongly: for each kind of file the same. The offsets are those of
// docs/cache-format.md.

export const HEADER = 52;
export const MAC = 32;
export const FILE_ID = 16;
/** Of a stanza: kind, number, how many, length of the parameters; length of the wrapped key; file id. */
export const STANZA = 22;

/** Where each stanza begins and ends, as the file says. */
export function stanzaSpans(file: Buffer): readonly (readonly [number, number])[] {
  const end = stanzasEnd(file);
  const spans: [number, number][] = [];
  for (let at = HEADER; at < end;) {
    const next = at + STANZA + file.readUInt8(at + 3) + file.readUInt16BE(at + 4);
    spans.push([at, next]);
    at = next;
  }
  return spans;
}

export function stanzasEnd(file: Buffer): number {
  return HEADER + file.readUInt32BE(44);
}

export function stanzasOf(file: Buffer): readonly Buffer[] {
  return stanzaSpans(file).map(([from, to]) => file.subarray(from, to));
}

/** The file with these in the place of its stanzas, its count and lengths made to fit. */
export function withStanzas(file: Buffer, stanzas: readonly Uint8Array[]): Buffer {
  const front = Buffer.from(file.subarray(0, HEADER));
  front.writeUInt8(stanzas.length, 7);
  front.writeUInt32BE(
    stanzas.reduce((sum, { length }) => sum + length, 0),
    44,
  );
  return Buffer.concat([front, ...stanzas, file.subarray(stanzasEnd(file))]);
}

/** As somebody would who knows the format: numbers and total too. */
export function renumbered(file: Buffer): Buffer {
  const bytes = Buffer.from(file);
  const spans = stanzaSpans(file);
  for (const [index, [at]] of spans.entries()) bytes.set([index + 1, spans.length], at + 1);
  return bytes;
}

export function flipped(file: Buffer, at: number, bit: number): Buffer {
  const bytes = Buffer.from(file);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  return bytes;
}

/** A stanza of another file with the file id of this one. */
export function adopted(file: Buffer, stanza: Buffer | undefined): Buffer {
  const bytes = Buffer.from(stanza ?? []);
  file.copy(bytes, 6, 8, 24);
  return bytes;
}

/** The stanzas of the good file by their places. */
export function picked(good: Buffer, ...indexes: readonly number[]): Buffer {
  const stanzas = stanzasOf(good);
  return withStanzas(
    good,
    indexes.map((index) => stanzas[index] ?? Buffer.alloc(0)),
  );
}

type Wrong = readonly [what: string, make: () => Buffer, defect: string];

/** Of a file for three recipients, of which this host has the first; `other` is another file for the same ones. */
export function wrongStanzas(good: () => Buffer, other: () => Buffer): readonly Wrong[] {
  const swapped = (index: number, stanza: Buffer | undefined): Buffer =>
    withStanzas(good(), stanzasOf(good()).with(index, stanza ?? Buffer.alloc(0)));
  const strange = (index: number): Buffer | undefined => stanzasOf(other())[index];
  const pick = (...indexes: readonly number[]): Buffer => picked(good(), ...indexes);
  const anew = (...indexes: readonly number[]): Buffer => renumbered(pick(...indexes));
  return [
    ['its stanzas in another order', () => pick(1, 0, 2), 'stanzas-reordered'],
    ['its stanzas turned round', () => pick(2, 1, 0), 'stanzas-reordered'],
    ['its first stanza dropped', () => pick(1, 2), 'stanza-missing'],
    ['a stanza in the middle dropped', () => pick(0, 2), 'stanza-missing'],
    ['its last stanza dropped', () => pick(0, 1), 'stanza-missing'],
    ['all stanzas dropped', () => pick(), 'bad-stanzas'],
    ['a stanza twice', () => pick(0, 0, 1, 2), 'stanza-doubled'],
    ['a stanza in the place of another', () => pick(0, 2, 2), 'stanza-doubled'],
    ['its own stanza from another file', () => swapped(0, strange(0)), 'mixed-stanzas'],
    ['a stanza of somebody else from another file', () => swapped(2, strange(2)), 'mixed-stanzas'],
    ['another order, numbered anew', () => anew(1, 0, 2), 'header-altered'],
    ['a stanza dropped and the others numbered anew', () => anew(0, 2), 'header-altered'],
    ['its last stanza dropped and the others numbered anew', () => anew(0, 1), 'header-altered'],
    ['a stanza twice, numbered anew', () => anew(0, 1, 2, 2), 'header-altered'],
    ['its own stanza from another file, made to fit', () => swapped(0, adopted(good(), strange(0))), 'header-altered'],
    [
      'a stanza of somebody else from another file, made to fit',
      () => swapped(2, adopted(good(), strange(2))),
      'header-altered',
    ],
    ['its only fit stanza dropped, numbered anew', () => anew(1, 2), 'other-backend'],
  ];
}

const LENGTHS = ['truncated', 'trailing-bytes', 'bad-header'] as const;

/** Which defects a flipped byte of such a file may be told as. `front`: of its magic, and of its version. */
export function flipDefects(good: Buffer, at: number, front: readonly [string, readonly string[]]): readonly string[] {
  const end = stanzasEnd(good);
  const fields: readonly (readonly [number, readonly string[]])[] = [
    [4, [front[0]]],
    [6, front[1]],
    [7, ['bad-header']],
    [8, ['bad-stanzas']],
    [24, ['mixed-files']],
    [36, ['header-altered']],
    [44, ['header-altered', 'bad-header']],
    [HEADER, LENGTHS],
  ];
  if (at < HEADER) return fields.find(([until]) => at < until)?.[1] ?? [];
  if (at < end) {
    const spans = stanzaSpans(good);
    const index = spans.findIndex(([, until]) => at < until);
    return stanzaDefects(at - (spans[index]?.[0] ?? 0), index);
  }
  if (at < end + MAC) return ['header-altered'];
  return at < end + MAC + FILE_ID ? ['mixed-files'] : ['content-altered'];
}

/** By the offset in a stanza. The key of the first is asked for; those of the others are covered by the MAC alone. */
function stanzaDefects(at: number, index: number): readonly string[] {
  if (at === 0) return ['unknown-backend', 'other-backend', 'bad-stanzas', 'header-altered'];
  if (at === 1) return ['stanza-doubled', 'stanza-missing'];
  if (at === 2) return ['bad-stanzas'];
  if (at < 6) return ['bad-stanzas', 'mixed-stanzas'];
  if (at < STANZA) return ['mixed-stanzas'];
  return index === 0 ? ['key-damaged', 'key-version'] : ['header-altered', 'bad-stanzas'];
}

/** Which bits of a byte to flip: of random bytes, and of what a backend made of a key, each is like the other. */
export function bitsOf(good: Buffer, at: number): readonly number[] {
  const isField =
    at < 8 || (at >= 36 && at < HEADER) || stanzaSpans(good).some(([from]) => at >= from && at < from + 6);
  return isField ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
}
