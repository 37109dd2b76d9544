// A quadlet with its drop-ins, as one list of lines: which of them count, and the words in them.

import { isComment, placeOf, type QuadletFile, type QuadletLine } from './file.ts';
import { splitWords, type Word } from './words.ts';

export type UnitPart = {
  readonly file: QuadletFile;
  /** A drop-in that other units read too (`container.d`, `foo-.container.d`): never edited. */
  readonly shared: boolean;
};

/** The unit first, its drop-ins after it in the order in which Podman merges them. */
export type QuadletUnit = { readonly parts: readonly UnitPart[] };

export type LiveLine = UnitPart & {
  readonly line: QuadletLine;
  readonly words: readonly Word[];
  /** Why Podman ignores the line, or its end. */
  readonly ignored: string | undefined;
  /** `FILE:LINE` */
  readonly place: string;
};

/** The lines of one key of [Container] that count: an empty one takes back those before it. */
export function liveLines(unit: QuadletUnit, key: string): readonly LiveLine[] {
  const live: LiveLine[] = [];
  for (const part of unit.parts) {
    for (const line of linesOf(part.file, key)) {
      if (line.value === '') {
        live.length = 0;
        continue;
      }
      const split = splitWords(line.value);
      const ignored =
        split.ignored ?? (split.unread === '' ? undefined : 'podman reads this line up to an empty word only');
      live.push({ ...part, line, words: split.words, ignored, place: placeOf(part.file, line) });
    }
  }
  return live;
}

export function linesOf(file: QuadletFile, key: string): readonly QuadletLine[] {
  return file.lines.filter((line) => line.group === 'Container' && line.key === key);
}

/** Comments that stand inside a continued line: whoever takes the line out leaves them. */
export function commentsWithin(file: QuadletFile, line: QuadletLine): readonly string[] {
  return file.physical.slice(line.first, line.last + 1).filter((text) => text.trim() !== '' && isComment(text.trim()));
}
