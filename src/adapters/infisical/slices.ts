// A long JSON text as the parts of its first list, so that it need not be parsed in one go. Only where things end is looked for here; whether
// they are JSON is for the parser.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: readonly number[] = [0x7b, 0x5b];
const CLOSING: readonly number[] = [0x7d, 0x5d];
const COMMA = 0x2c;

/**
 * The texts of the elements of the list that an object begins with, under `key`; returns the object without them. Where the text does not
 * begin like that, all of it is returned; undefined: it ends in the middle of the list.
 */
export function* slicesOf(text: string, key: string): Generator<string, string | undefined> {
  const start = new RegExp(`^\\s*\\{\\s*"${key}"\\s*:\\s*\\[`).exec(text)?.[0].length;
  if (start === undefined) return text;
  for (let from = start; ;) {
    const to = endOfElement(text, from);
    if (to === undefined) return undefined;
    const element = text.slice(from, to);
    const isLast = text.charCodeAt(to) !== COMMA;
    // An empty list has no element, not an empty one.
    if (!(isLast && from === start && element.trim() === '')) yield element;
    if (isLast) return `${text.slice(0, start)}${text.slice(to)}`;
    from = to + 1;
  }
}

/** Where the comma behind it is, or the end of the list. */
function endOfElement(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at + 1);
      if (end === undefined) return undefined;
      at = end;
    } else if (OPENING.includes(code)) depth += 1;
    else if (CLOSING.includes(code)) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (code === COMMA && depth === 0) return at;
  }
  return undefined;
}

/** Where its closing quote is. */
function endOfString(text: string, from: number): number | undefined {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return undefined;
}
