// The lines of a quadlet file as Podman's generator reads them: groups, keys, continued lines, and where each stands in the text, so
// that a line can be taken out and the rest stays as it is. Knows no key's meaning.

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';

export type QuadletLine = {
  readonly group: string;
  readonly key: string;
  /** Continued lines joined, outer blanks cut. */
  readonly value: string;
  /** Index of the first physical line; messages count from 1. */
  readonly first: number;
  readonly last: number;
};

export type QuadletFile = {
  readonly path: string;
  /** Physical lines with their line ends: joined they are the text. */
  readonly physical: readonly string[];
  readonly lines: readonly QuadletLine[];
};

/** What Go calls space: outer blanks of a line are cut with it. */
const BLANKS = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const OUTER_BLANKS = new RegExp(`^${BLANKS}|${BLANKS}$`, 'g');

/** Throws BAD_REQUEST for a text of which Podman would make no unit. */
export function parseQuadlet(path: string, text: string): QuadletFile {
  const physical = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const lines: QuadletLine[] = [];
  let group: string | undefined;
  let pending: { readonly text: string; readonly first: number } | undefined;
  for (const [index, raw] of physical.entries()) {
    const line = trim(raw);
    // A comment or an empty line inside a continued line is skipped and does not end it.
    if (isComment(line)) continue;
    const first = pending?.first ?? index;
    const joined = (pending?.text ?? '') + line;
    if (line.endsWith('\\') && index < physical.length - 1) {
      pending = { text: joined.slice(0, -1), first };
      continue;
    }
    pending = undefined;
    const whole = line.endsWith('\\') ? joined.slice(0, -1) : joined;
    if (isComment(whole)) continue;
    const header = /^\[([^[\]]+)\][ \t]*$/.exec(whole)?.[1];
    if (header !== undefined) {
      group = header;
      continue;
    }
    const [, key, value] = /^([^=]*[^=\s])\s*=([^]*)$/.exec(whole) ?? [];
    if (key === undefined || value === undefined || group === undefined) throw unreadable(path, first);
    if (whole.includes('\0')) throw unreadable(path, first);
    // After the `=` Podman skips ASCII blanks only.
    lines.push({ group, key, value: value.replace(/^[\t-\r ]+/, ''), first, last: index });
  }
  // A continued line that nothing ends is dropped by Podman, without a word.
  return { path, physical, lines };
}

/** `FILE:LINE`, for messages. */
export function placeOf(file: Pick<QuadletFile, 'path'>, line: Pick<QuadletLine, 'first'>): string {
  return `${printable(file.path)}:${String(line.first + 1)}`;
}

export function isComment(line: string): boolean {
  return line === '' || line.startsWith('#') || line.startsWith(';');
}

export function trim(text: string): string {
  return text.replace(OUTER_BLANKS, '');
}

function unreadable(path: string, index: number): PsiError {
  return new PsiError(
    'BAD_REQUEST',
    `${placeOf({ path }, { first: index })} is no group, no assignment and no comment`,
    {
      hint: 'podman makes no unit of such a file; mend the line, and see `/usr/libexec/podman/quadlet -dryrun`',
    },
  );
}
