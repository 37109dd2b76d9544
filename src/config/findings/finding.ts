// A problem before it has a position: where in the tree, what was expected, what stands there.

import type { Alias, Node } from 'yaml';
import { printable } from '../../core/naming.ts';
import type { IssueCode } from './hints.ts';

export type Path = readonly (string | number)[];

export type Finding = {
  readonly code: IssueCode;
  readonly path: Path;
  /** Point at the key itself instead of its value. */
  readonly atKey?: boolean;
  readonly expected: string;
  /** Words for what stands there, if the value's type is not what matters. */
  readonly got?: string;
  /** The value that stands there; its text is shown only if `visible` and the file's own place of it is public too. */
  readonly actual?: unknown;
  readonly visible?: boolean;
  readonly suggestion?: string | undefined;
  /** A spelling made from the value itself: shown where the value may be. */
  readonly meant?: string | undefined;
};

/** A value by its type, and by its text where that may be shown. */
export function describe(value: unknown, visible: boolean): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return visible ? `text "${printable(value)}"` : 'text';
  if (typeof value === 'number') return visible ? `number ${String(value)}` : 'a number';
  if (typeof value === 'boolean') return visible ? String(value) : 'true or false';
  return 'something else';
}

/** Names from the file may stand in any text of ours: no control or format character of theirs reaches a terminal or a log. */
export function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
}

/** What an alias stands for. yaml's own `resolve` walks the document for each. */
export type Follow = (alias: Alias) => Node | undefined;
