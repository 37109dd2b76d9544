// Word splitting as Podman's generator does it for Environment=, EnvironmentFile= and Secret=: systemd's quotes and C escapes, with the
// generator's own habits. Nothing is repaired: what generators of different versions read differently is marked.

export type Word = {
  readonly text: string;
  /** As it stands in the file, quotes and escapes included. */
  readonly raw: string;
  /** Why the text is not sure: an escape that is not read the same everywhere. It stands as U+FFFD in the text. */
  readonly unclear?: string;
};

/** `unread`: what Podman does not look at. `ignored`: why it ignores the line as a whole. */
export type Words =
  | { readonly words: readonly Word[]; readonly unread: string; readonly ignored?: undefined }
  | { readonly words: readonly []; readonly ignored: string };

const SEPARATORS = ' \t\n\r';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

export function splitWords(value: string): Words {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (at < value.length && SEPARATORS.includes(value.charAt(at))) at += 1;
    if (at >= value.length) return { words, unread: '' };
    const word = readWord(value, at);
    if (word.ignored !== undefined) return { words: [], ignored: word.ignored };
    // The generator takes an empty word for the end of the line.
    if (word.text === '') return { words, unread: value.slice(at) };
    const { text, unclear } = word;
    words.push({ text, raw: value.slice(at, word.end), ...(unclear !== undefined && { unclear }) });
    at = word.end;
  }
}

type Read = {
  readonly text: string;
  readonly end: number;
  readonly unclear: string | undefined;
  readonly ignored?: undefined;
};

function readWord(value: string, start: number): Read | { readonly ignored: string } {
  let text = '';
  let quote = '';
  let unclear: string | undefined;
  let at = start;
  while (at < value.length) {
    const char = value.charAt(at);
    if (char === '\\') {
      const escape = readEscape(value.slice(at + 1, at + 10));
      if (escape.ignored !== undefined) return escape;
      unclear ??= escape.unclear;
      text += escape.text;
      at += 1 + escape.length;
      continue;
    }
    if (quote === '' && SEPARATORS.includes(char)) break;
    at += 1;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else text += char;
  }
  // An open quote at the end is accepted.
  return { text, end: at, unclear };
}

type Escape =
  | { readonly text: string; readonly length: number; readonly unclear?: string; readonly ignored?: undefined }
  | { readonly ignored: string };

/** `rest`: what follows the backslash. */
function readEscape(rest: string): Escape {
  const char = rest.charAt(0);
  // A backslash at the very end is dropped.
  if (char === '') return { text: '', length: 0 };
  const simple = ESCAPES[char];
  if (simple !== undefined) return { text: simple, length: 1 };
  // Podman before 5.4 reads a NUL where an octal escape stands, and an unfinished one makes later ones ignore the line.
  const octal = /^[0-7]{1,3}/.exec(rest)?.[0];
  if (octal !== undefined) return unclearEscape(octal.length);
  const hex = /^(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/.exec(rest)?.[0];
  const code = hex === undefined ? 0 : Number.parseInt(hex.slice(1), 16);
  if (hex === undefined || code === 0 || code > 0x10ffff) {
    return { ignored: 'it holds a backslash escape that podman does not know' };
  }
  // \xe9 is a character for the generator and a byte for systemd; half a surrogate pair is nothing at all.
  if ((char === 'x' && code > 0x7f) || code === 0x80 || (code >= 0xd800 && code <= 0xdfff))
    return unclearEscape(hex.length);
  return { text: String.fromCodePoint(code), length: hex.length };
}

function unclearEscape(length: number): Escape {
  return {
    text: '\ufffd',
    length,
    unclear: 'it holds a backslash escape that not every version of podman and systemd reads the same',
  };
}
