// From a path of keys to a place in the text, and the line around it as it may be shown.

import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Document } from 'yaml';
import { onOneLine } from './finding.ts';
import type { Path } from './finding.ts';
import { keyOf } from './inspect.ts';
import type { Excerpt } from './issue.ts';

export type Place = { readonly start: number; readonly end: number };

/** The value at the path; of a section, or where nothing stands, its key; of a missing key, the nearest section that exists. */
export function locate(doc: Document, path: Path, atKey = false): Place {
  let node: unknown = doc.contents;
  let place: Place = { start: 0, end: 0 };
  for (const [index, segment] of path.entries()) {
    const step: Step | undefined = find(doc, node, segment);
    if (step === undefined) return place;
    const value = rangeOf(step.value);
    const scalar = isScalar(step.value) || isAlias(step.value);
    const wantsKey = step.key !== undefined && (!scalar || (atKey && index === path.length - 1));
    place = (wantsKey || value === undefined || value.end === value.start ? step.key : undefined) ?? value ?? place;
    node = step.value;
  }
  return place;
}

type Step = { readonly key: Place | undefined; readonly value: unknown };

function find(doc: Document, given: unknown, segment: string | number): Step | undefined {
  const node = isAlias(given) ? given.resolve(doc) : given;
  if (isSeq(node)) {
    const value = node.items[Number(segment)];
    return value === undefined ? undefined : { key: undefined, value };
  }
  if (!isMap(node)) return undefined;
  // The last of two equal keys is the one that counts, and the one to point at.
  const own = node.items.findLast((pair) => keyOf(pair) === String(segment));
  if (own !== undefined) return { key: rangeOf(own.key), value: own.value };
  for (const pair of node.items) {
    if (keyOf(pair) !== undefined) continue;
    const sources = isSeq(pair.value) ? pair.value.items : [pair.value];
    for (const source of sources) {
      const step = find(doc, source, segment);
      if (step !== undefined) return step;
    }
  }
  return undefined;
}

function rangeOf(node: unknown): Place | undefined {
  const range = isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node.range : undefined;
  return range ? { start: range[0], end: range[1] } : undefined;
}

const STRUCTURE = /[\s{}[\],:?-]/;
const ELLIPSIS = '…';

/** Lines as they may be shown: public keys and values as they are, every other stretch as one `…`, comments left out. */
export class Excerpts {
  readonly #text: string;
  readonly #visible: ReadonlyMap<number, number>;
  readonly #scalars = new Map<number, number>();

  constructor(doc: Document, text: string, visible: ReadonlyMap<number, number>) {
    this.#text = text;
    this.#visible = visible;
    visit(doc, {
      Scalar: (_, { range }) => {
        if (range) this.#scalars.set(range[0], range[1]);
      },
    });
  }

  /** The first line of the place. */
  at(place: Place): Excerpt {
    const text = this.#text;
    const lineStart = place.start === 0 ? 0 : text.lastIndexOf('\n', place.start - 1) + 1;
    const nextEnd = text.indexOf('\n', place.start);
    const lineEnd = nextEnd === -1 ? text.length : nextEnd;
    const inScalar = covered(this.#scalars, lineStart, lineEnd);
    const shown = covered(this.#visible, lineStart, lineEnd);

    let out = '';
    let start = 0;
    let end = 0;
    for (let offset = lineStart; offset < lineEnd; offset += 1) {
      const char = text[offset] ?? '';
      const index = offset - lineStart;
      const outside = inScalar[index] === 0;
      if (outside && char === '#') break;
      const length = out.length;
      if (shown[index] === 1 || (outside && STRUCTURE.test(char))) out += onOneLine(char.replace('\t', ' '));
      else if (!out.endsWith(ELLIPSIS)) out += ELLIPSIS;
      if (offset === place.start) start = Math.min(length, out.length - 1);
      if (offset < place.end) end = out.length;
    }
    return cut(out.trimEnd(), start, Math.max(1, end - start));
  }
}

/** One byte for each character of the line: 1 where a stretch covers it. */
function covered(stretches: ReadonlyMap<number, number>, lineStart: number, lineEnd: number): Uint8Array {
  const line = new Uint8Array(lineEnd - lineStart);
  for (const [start, end] of stretches) {
    if (start < lineEnd && end > lineStart) line.fill(1, Math.max(0, start - lineStart), end - lineStart);
  }
  return line;
}

/** Long lines are cut around the place. */
function cut(text: string, start: number, length: number): Excerpt {
  const from = start > 60 ? start - 40 : 0;
  const head = from > 0 ? ELLIPSIS : '';
  const tail = text.length > from + 100 ? ELLIPSIS : '';
  const shown = `${head}${text.slice(from, from + 100)}${tail}`;
  const at = start - from + head.length;
  return { text: shown, start: at, length: Math.max(1, Math.min(length, shown.length - at)) };
}
