// A quadlet that is looked at for what it keeps from working: its lines as systemd hands them on, as far as that is sure.

import { expand, type UnitNames } from './specifiers.ts';
import { liveLines, type LiveLine, type QuadletUnit } from './unit.ts';

export type DoubtedUnit = { readonly unit: QuadletUnit; readonly names: UnitNames };

/** `place`: `FILE:LINE` */
export type Text = { readonly text: string; readonly place: string };

export function linesOf({ unit, names }: DoubtedUnit, key: string): readonly Text[] {
  return liveLines(unit, key).flatMap((at) => {
    const text = textOf(at, names);
    return text === undefined ? [] : [{ text, place: at.place }];
  });
}

/** Of lines that may hold several. */
export function wordsOf({ unit, names }: DoubtedUnit, key: string): readonly string[] {
  return liveLines(unit, key).flatMap(({ words }) => words.flatMap(({ text }) => expand(text, names).text ?? []));
}

export function lastOf(of: DoubtedUnit, key: string): Text | undefined {
  return linesOf(of, key).at(-1);
}

/** undefined: what systemd makes of it is not sure. */
function textOf(at: LiveLine, names: UnitNames): string | undefined {
  return at.words[0] === undefined ? undefined : expand(at.words[0].text, names).text;
}
