// An env file as the package dotenv reads it. The package says what a value is; it does not say on which lines a variable stands, so that
// is found here by its grammar and then held against what the package finds in the whole file.

import { parse } from 'dotenv';
import type { PassedOver, Reading, Span, Variable } from '../../transfer/env-file/reading.ts';

const between = (quote: string): string => String.raw`\s*${quote}(?:\\${quote}|[^${quote}])*${quote}`;
const VALUE = [between("'"), between('"'), between('`'), String.raw`[^#\r\n]+`].join('|');
const STATEMENT = new RegExp(String.raw`^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(${VALUE})?\s*(?:#.*)?$`, 'dgm');

export function dotenvReading(text: string): Reading {
  const lines = new Lines(text);
  const found = statements(lines);
  const whole = parse(text);
  const last = new Map(found.map((variable) => [variable.name, variable.value]));
  const variables = found.filter(({ name }) => Object.hasOwn(whole, name) && whole[name] === last.get(name));
  const taken = new Set(variables.flatMap(linesIn));
  const passedOver: PassedOver[] = lines.text.flatMap((line, index) => {
    const at = lines.original(index);
    if (taken.has(at) || /^\s*(?:#.*)?$/.test(line)) return [];
    return [{ first: at, last: at, reason: 'dotenv passes over it' }];
  });
  return { variables, passedOver, broken: [] };
}

function statements(lines: Lines): readonly Variable[] {
  return Array.from(lines.text.join('\n').matchAll(STATEMENT), ({ 0: statement, 1: name = '', indices }) => {
    const [start = 0, nameEnd = 0] = indices?.[1] ?? [];
    const end = indices?.[2]?.[1] ?? nameEnd;
    const value = parse(statement)[name] ?? '';
    return { first: lines.at(start), last: lines.at(end), name, value };
  });
}

function linesIn({ first, last }: Span): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** dotenv takes each carriage return for a line end; messages count newlines. */
class Lines {
  readonly text: readonly string[];
  /** Offset of each line in what dotenv sees. */
  readonly #starts: readonly number[];
  readonly #originals: readonly number[];

  constructor(text: string) {
    this.text = text.split(/\r\n?|\n/);
    const ends = Array.from(text.matchAll(/\r\n?|\n/g), ([end]) => end);
    let offset = 0;
    this.#starts = this.text.map((line) => {
      const start = offset;
      offset += line.length + 1;
      return start;
    });
    let original = 1;
    this.#originals = this.text.map((_, index) => {
      if (index > 0 && ends[index - 1] !== '\r') original += 1;
      return original;
    });
  }

  original(index: number): number {
    return this.#originals[index] ?? this.text.length;
  }

  /** The line of an offset, as messages count. */
  at(offset: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.original(low);
  }
}
