// An env file as statements with their lines. Takes only what cannot be read in two ways: whatever readers of env files disagree about is a
// problem with a line number. Never repeats what it could not read: that may be a part of a value.

export type Assignment = {
  readonly kind: 'assignment';
  readonly line: number;
  readonly name: string;
  readonly value: string;
  /** The statement itself, for a parser that is to agree. */
  readonly text: string;
  /** Where a value without quotes ends is plain: `comment`, because a comment follows. */
  readonly end: 'line' | 'comment' | 'quote';
};

export type Problem = {
  readonly kind: 'problem';
  readonly line: number;
  /** Only where it is certainly a name. */
  readonly name: string | undefined;
  readonly reason: string;
  readonly hint: string;
};

export type Statement = Assignment | Problem;

const HEAD = /^\s*(?:export\s+)?([\w.-]+)\s*=/;
const BLANK_OR_COMMENT = /^\s*(?:#.*)?$/;
const QUOTE_IT = 'put the value between single quotes';
const OTHER_QUOTES = 'put the value between quotes of another kind';

export function scan(text: string): readonly Statement[] {
  return new Scanner(text.startsWith('\ufeff') ? text.slice(1) : text).run();
}

class Scanner {
  readonly #text: string;
  /** Offset of each line. */
  readonly #starts: readonly number[];
  readonly #found: Statement[] = [];
  /** The next line, counted from 0. */
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  }

  run(): readonly Statement[] {
    while (this.#next < this.#starts.length) {
      const at = this.#next;
      this.#next += 1;
      const line = this.#line(at);
      if (BLANK_OR_COMMENT.test(line)) continue;
      const [head = '', name] = HEAD.exec(line) ?? [];
      const rest = line.slice(head.length);
      if (name === undefined || this.#looksContinued(at, rest)) this.#strayLine(at);
      else if (/^\s*['"`]/.test(rest)) this.#quoted(at, name, head.length);
      else this.#unquoted(at, name, rest);
    }
    return this.#found;
  }

  #line(at: number): string {
    const line = this.#text.slice(this.#starts[at], (this.#starts[at + 1] ?? this.#text.length + 1) - 1);
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  #problem(at: number, name: string | undefined, reason: string, hint: string): void {
    this.#found.push({ kind: 'problem', line: at + 1, name, reason, hint });
  }

  /** The last line of wrapped base64 looks like `name=`: directly behind a line that is no assignment it is none either. */
  #looksContinued(at: number, rest: string): boolean {
    const before = this.#found.at(-1);
    return /^=?$/.test(rest) && before?.kind === 'problem' && before.name === undefined && before.line === at;
  }

  /** What is no assignment may belong to the value on the line before, and then that value is only a part. */
  #strayLine(at: number): void {
    const before = this.#found.at(-1);
    if (before?.kind === 'assignment' && before.line === at && before.end === 'line') {
      this.#found.pop();
      const reason = 'the line behind it is not KEY=VALUE: this may be only a part of the value';
      this.#problem(at - 1, before.name, reason, 'put a value of several lines between quotes');
    }
    this.#problem(
      at,
      undefined,
      'it is not KEY=VALUE',
      'names are letters, digits, `_`, `.` and `-`; comments start with `#`',
    );
  }

  #unquoted(at: number, name: string, rest: string): void {
    const refuse = (reason: string): void => {
      this.#problem(at, name, reason, QUOTE_IT);
    };
    if (rest.startsWith('-----BEGIN ')) {
      while (this.#next < this.#starts.length && !this.#line(this.#next - 1).includes('-----END ')) this.#next += 1;
      refuse(`a value of several lines has no quotes${this.#upTo(at)}`);
      return;
    }
    const mark = rest.indexOf('#');
    const value = mark === -1 ? rest : rest.slice(0, mark).trimEnd();
    if (mark !== -1 && !/\s/.test(rest[mark - 1] ?? '')) refuse('`#` stands in a value without quotes');
    else if (value !== value.trim()) refuse('white space stands at an end of a value without quotes');
    else if (value.endsWith('\\'))
      refuse('a backslash at the end of a line joins it with the next one for some readers');
    else if (/[\0\r]/.test(value)) refuse('a control character stands in it');
    else {
      const end = mark === -1 ? 'line' : 'comment';
      this.#found.push({ kind: 'assignment', line: at + 1, name, value, text: this.#line(at), end });
    }
  }

  #quoted(at: number, name: string, headLength: number): void {
    const text = this.#text;
    const start = this.#starts[at] ?? 0;
    let open = start + headLength;
    while (/\s/.test(text[open] ?? '')) open += 1;
    const quote = text[open] ?? '';
    const close = closing(text, open + 1, quote);
    if (close === -1) {
      this.#next = this.#starts.length;
      this.#problem(
        at,
        name,
        `the quote that opens here (${quote}) is not closed; nothing behind it is read`,
        'close it',
      );
      return;
    }
    while ((this.#starts[this.#next] ?? Infinity) <= close) this.#next += 1;
    const lineEnd = (this.#starts[this.#next] ?? text.length + 1) - 1;
    const content = text.slice(open + 1, close);
    const refuse = (reason: string, hint: string): void => {
      this.#problem(at, name, `${reason}${this.#upTo(at)}`, hint);
    };
    if (!BLANK_OR_COMMENT.test(text.slice(close + 1, lineEnd).replace(/\r$/, ''))) {
      refuse(`something stands behind the closing quote (${quote})`, 'take it out, or quote the whole value');
    } else if (`${content}${quote}`.includes(`\\${quote}`)) {
      refuse('a backslash before a quote is read in different ways', OTHER_QUOTES);
    } else if (quote === '"' && /\\[\\$`]/.test(content)) {
      refuse('a backslash before \\, $ or ` is kept by some readers and dropped by others', QUOTE_IT);
    } else if (/[\0\r]/.test(content)) {
      refuse('a control character stands in it', 'line ends of Windows? save the file with those of Unix');
    } else {
      const value = quote === '"' ? content.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : content;
      const statement = text.slice(start, lineEnd);
      this.#found.push({ kind: 'assignment', line: at + 1, name, value, text: statement, end: 'quote' });
    }
  }

  /** How much is not read where that is more than the line itself. */
  #upTo(at: number): string {
    return this.#next > at + 1 ? `; nothing up to line ${String(this.#next)} is read` : '';
  }
}

/** Index of the first quote that no backslash escapes, for a reader that knows escapes: only how far is skipped depends on it. */
function closing(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let solid = at;
    while (solid > from && text[solid - 1] === '\\') solid -= 1;
    if ((at - solid) % 2 === 0) return at;
  }
  return -1;
}
