// Why the readers of env files do not agree on what stands on a line, for people: what it is that they read differently, and how to write
// it so that they agree. Never a part of the value.

import { isVariableName } from '../../core/text/shell-names.ts';
import { hasControl, hasNoncharacter } from '../../core/text/characters.ts';

/** What stands on the lines of one assignment: up to its `=`, and all behind it. */
export type Assignment = { readonly head: string; readonly name: string; readonly rest: string };

export type Doubt = { readonly reason: string; readonly how: string };

const OTHER_QUOTES = 'put the value between quotes of another kind';
const OWN_LINE = 'put the comment on a line of its own';
/** What a shell and compose put something else for, wherever no single quotes stand around it. */
const SUBSTITUTED = /\$[\w{$(@*#?!-]|`/;

/** What podman, systemd and dotenv may agree on, and a shell or compose would not. */
export function othersDiffer({ rest }: Assignment): boolean {
  const text = rest.trimStart();
  if (text.startsWith("'")) return text.includes("\\'");
  return SUBSTITUTED.test(text) || (text.startsWith('"') && text.includes('\\'));
}

/** A line behind the first that is an assignment for podman, which reads by the line; the last line of base64 only looks like one. */
export function holdsAssignment({ rest }: Assignment): boolean {
  const [, ...further] = rest.split('\n');
  return further.some((line) => /^\s*[A-Za-z_][\w.-]*=(?!=?["']?\r?$)/.test(line));
}

export function doubtOf(assignment: Assignment): Doubt {
  const { head, name, rest } = assignment;
  const quote = /^\s*(['"`])/.exec(rest)?.[1];
  return (
    (quote === undefined ? bare(rest) : quoted(rest, quote)) ??
    around(head, rest, name) ?? { reason: 'readers of env files do not agree on what stands here', how: quoteIt(rest) }
  );
}

function bare(rest: string): Doubt | undefined {
  const how = quoteIt(rest);
  const mark = rest.indexOf('#');
  if (mark !== -1 && /\s/.test(rest[mark - 1] ?? '')) {
    return { reason: 'what follows ` #` is a comment for some readers only', how: `${OWN_LINE}, or ${how}` };
  }
  if (mark !== -1) return { reason: '`#` stands in a value without quotes', how };
  if (/\\\r?(?:\n|$)/.test(rest)) {
    return { reason: 'a backslash at the end of a line joins it with the next one for some readers', how };
  }
  if (rest.includes('\\')) return { reason: 'a backslash in a value without quotes is dropped by some readers', how };
  if (SUBSTITUTED.test(rest)) return { reason: SHELL, how };
  if (isUnclean(rest)) return UNCLEAN;
  if (rest !== rest.trim()) return { reason: 'white space stands at an end of a value without quotes', how };
  return undefined;
}

const SHELL = 'a shell and compose put something else where `$` or a backtick stands';
const UNCLEAN: Doubt = {
  reason: 'a control character stands in it',
  how: 'line ends of Windows? save the file with those of Unix',
};

function quoted(rest: string, quote: string): Doubt | undefined {
  const open = rest.indexOf(quote);
  const close = closingQuote(rest, open + 1, quote);
  if (close === -1) return { reason: `the quote that opens here (${quote}) is not closed`, how: 'close it' };
  if (quote === '`') return { reason: 'only dotenv takes a backtick for a quote', how: OTHER_QUOTES };
  const content = rest.slice(open + 1, close);
  const behind = rest.slice(close + 1).trim();
  if (behind.startsWith('#')) return { reason: 'a comment stands behind the closing quote', how: OWN_LINE };
  if (behind !== '') {
    const reason = `something stands behind the closing quote (${quote})`;
    return { reason, how: 'take it out, or quote the whole value' };
  }
  if (`${content}${quote}`.includes(`\\${quote}`)) {
    return { reason: 'a backslash before a quote is read in different ways', how: OTHER_QUOTES };
  }
  if (quote === '"' && content.includes('\\')) {
    const reason = 'a backslash between double quotes is kept by some readers and dropped by others';
    return { reason, how: quoteIt(content) };
  }
  if (quote === '"' && SUBSTITUTED.test(content)) return { reason: SHELL, how: quoteIt(content) };
  if (isUnclean(content)) return UNCLEAN;
  if (/\n\s*[A-Za-z_][\w.-]*=/.test(content)) {
    return { reason: 'podman takes a line between the quotes for a variable of its own', how: 'set it by hand' };
  }
  return undefined;
}

function isUnclean(text: string): boolean {
  return hasControl(text) || text.includes('\0');
}

function around(head: string, rest: string, name: string): Doubt | undefined {
  if (head.startsWith('\ufeff')) {
    return { reason: 'a byte order mark stands before the name', how: 'save the file without one' };
  }
  if (/^\s*export\s/.test(head)) {
    return { reason: '`export` is known to shells and to dotenv only', how: 'take `export` out' };
  }
  if (!isVariableName(name)) {
    return { reason: 'systemd takes no variable of this name', how: 'name it with letters, digits and `_`' };
  }
  if (hasNoncharacter(rest)) {
    return { reason: 'systemd reads no file with characters that are none', how: 'take them out' };
  }
  if (/\s=$/.test(head) || rest !== rest.trim()) {
    return { reason: 'white space stands beside the equal sign or behind the quotes', how: 'take it out' };
  }
  return undefined;
}

function quoteIt(text: string): string {
  if (!text.includes("'")) return 'put the value between single quotes';
  return /["\\$`]/.test(text) ? 'set it by hand' : 'put the value between double quotes';
}

/** Index of the first quote that no backslash escapes, for a reader that knows escapes; -1: none. */
function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let solid = at;
    while (solid > from && text[solid - 1] === '\\') solid -= 1;
    if ((at - solid) % 2 === 0) return at;
  }
  return -1;
}
