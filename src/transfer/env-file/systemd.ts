// An env file as systemd's EnvironmentFile= reads it (systemd.exec(5), and what 257 was seen to do): quotes may stand in the middle of a
// value, a backslash escapes, a line that ends in one goes on, a carriage return is a line end, an open quote ends with the file.

import { hasNoncharacter } from '../../core/text/characters.ts';
import { isVariableName } from '../../core/text/shell-names.ts';
import type { PassedOver, Reading, Span, Variable } from './reading.ts';

const LINE_ENDS = '\n\r';
const BLANKS = ' \t\n\r';
const COMMENTS = '#;';
/** What a backslash between double quotes escapes; before anything else it stands for itself. */
const ESCAPED = '"\\`$';

export function systemdReading(text: string): Reading {
  const variables: Variable[] = [];
  const passedOver: PassedOver[] = [];
  const broken: Reading['broken'][number][] = [];
  const cursor = new Cursor(text);
  for (let found = nextLine(cursor); found !== undefined; found = nextLine(cursor)) {
    const { name, value, ...span } = found;
    const reason = whatBreaks(`${name}${value ?? ''}`);
    if (reason !== undefined) broken.push({ line: span.first, reason });
    if (value === undefined) passedOver.push({ ...span, reason: 'systemd passes over a line without `=`' });
    else if (isVariableName(name)) variables.push({ ...span, name, value });
    else passedOver.push({ ...span, reason: 'systemd takes no variable of this name' });
  }
  return { variables, passedOver, broken };
}

class Cursor {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** From 1. */
  get line(): number {
    return this.#line;
  }

  /** undefined: the end. */
  peek(): string | undefined {
    return this.#text[this.#at];
  }

  /** The next character; at the end a newline, which ends whatever is under way. */
  take(): string {
    const char = this.#text[this.#at] ?? '\n';
    if (char === '\n' && this.#at < this.#text.length) this.#line += 1;
    this.#at += 1;
    return char;
  }
}

/** `value` undefined: there is no `=`. */
type Line = Span & { readonly name: string; readonly value: string | undefined };

function nextLine(cursor: Cursor): Line | undefined {
  for (;;) {
    let start = cursor.peek();
    for (; start !== undefined && BLANKS.includes(start); start = cursor.peek()) cursor.take();
    if (start === undefined) return undefined;
    if (!COMMENTS.includes(start)) break;
    while (!LINE_ENDS.includes(cursor.take()));
  }
  const first = cursor.line;
  let name = '';
  for (;;) {
    const last = cursor.line;
    const char = cursor.take();
    if (LINE_ENDS.includes(char)) return { first, last, name, value: undefined };
    if (char === '=') return { first, name: withoutBlanksBehind(name), ...takeValue(cursor) };
    name += char;
  }
}

/** Quotes count until the first character outside them; what stands in them and behind them is one value. */
function takeValue(cursor: Cursor): { readonly value: string; readonly last: number } {
  let value = '';
  for (;;) {
    const last = cursor.line;
    const char = cursor.take();
    if (LINE_ENDS.includes(char)) return { value, last };
    if (char === "'") value += single(cursor);
    else if (char === '"') value += double(cursor);
    else if (!BLANKS.includes(char)) return bare(cursor, value, char);
  }
}

function single(cursor: Cursor): string {
  let text = '';
  while (cursor.peek() !== undefined) {
    const char = cursor.take();
    if (char === "'") break;
    text += char;
  }
  return text;
}

function double(cursor: Cursor): string {
  let text = '';
  while (cursor.peek() !== undefined) {
    const char = cursor.take();
    if (char === '"') break;
    if (char !== '\\') text += char;
    else if (cursor.peek() !== undefined) {
      const escaped = cursor.take();
      if (ESCAPED.includes(escaped)) text += escaped;
      else if (escaped !== '\n') text += `\\${escaped}`;
    }
  }
  return text;
}

/** Blanks at its end are cut, but for those that a backslash stands before. */
function bare(cursor: Cursor, before: string, start: string): { readonly value: string; readonly last: number } {
  let value = before;
  let solid = before.length;
  for (let char = start; ;) {
    if (char === '\\') {
      const escaped = cursor.peek() === undefined ? '' : cursor.take();
      if (!LINE_ENDS.includes(escaped)) value += escaped;
      solid = value.length;
    } else {
      value += char;
      if (!BLANKS.includes(char)) solid = value.length;
    }
    const last = cursor.line;
    char = cursor.take();
    if (LINE_ENDS.includes(char)) return { value: value.slice(0, solid), last };
  }
}

function withoutBlanksBehind(name: string): string {
  return name.replace(/[ \t]+$/, '');
}

function whatBreaks(text: string): string | undefined {
  if (text.includes('\0')) return 'systemd reads no file with a NUL byte';
  return hasNoncharacter(text) ? 'systemd reads no file with characters that are none' : undefined;
}
