// A quadlet without what a secrets manager now holds. Only words whose variable is confirmed go; every other byte stays.

import { PsiError } from '../../core/error.ts';
import { claimOf } from '../../core/workload.ts';
import { dropInFileName } from '../../registration/drop-in.ts';
import type { EnvFiles, EnvFileRef } from './environment.ts';
import type { QuadletFile, QuadletLine } from './file.ts';
import { parseSecretOption } from './secret-option.ts';
import { expand, type UnitNames } from './specifiers.ts';
import { commentsWithin, linesOf, liveLines, type LiveLine, type QuadletUnit } from './unit.ts';
import type { Word } from './words.ts';

export type Edit = {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** For people, without values: `FILE:LINE Environment= DB_HOST, DB_PORT`. */
  readonly removed: readonly string[];
};

export type RewriteInput = {
  readonly unit: QuadletUnit;
  readonly names: UnitNames;
  readonly envFiles: EnvFiles;
  readonly envFileRefs: readonly EnvFileRef[];
  /** Variables that the secrets manager hands out with the very value they have now. */
  readonly confirmed: ReadonlySet<string>;
  /** The same of files, by their paths. */
  readonly confirmedFiles?: ReadonlySet<string>;
};

export function rewrite(input: RewriteInput): readonly Edit[] {
  const { unit, confirmed, confirmedFiles = new Set() } = input;
  const goes: Gone[] = [
    ...gone(liveLines(unit, 'Environment'), 'Environment', (word) => {
      const equals = word.text.indexOf('=');
      const key = word.text.slice(0, equals);
      return equals > 0 && confirmed.has(key) ? [key] : undefined;
    }),
    ...gone(liveLines(unit, 'EnvironmentFile'), 'EnvironmentFile', (word, at) => {
      const { path } = input.envFileRefs.find((ref) => ref.word.raw === word.raw && ref.at.place === at.place) ?? {};
      const keys = (path === undefined ? undefined : input.envFiles.get(path))?.map(({ key }) => key) ?? [];
      return keys.length > 0 && keys.every((key) => confirmed.has(key)) ? [...new Set(keys)] : undefined;
    }),
    ...gone(liveLines(unit, 'Secret'), 'Secret', (word) => {
      const option = parseSecretOption(expand(word.text, input.names).text ?? '');
      if (!option) return undefined;
      const claim = claimOf(option.use);
      return (option.kind === 'env' ? confirmed : confirmedFiles).has(claim) ? [claim] : undefined;
    }),
  ];
  return unit.parts.flatMap(({ file }) => {
    const lines = goes.filter((one) => one.file === file);
    return lines.length === 0 ? [] : [edited(file, lines)];
  });
}

/** An empty `Secret=` in a later drop-in would take back what PSI's drop-in gives, so that the container would start without. */
export function refuseLaterReset(unit: QuadletUnit): void {
  const [main, ...dropIns] = unit.parts;
  // PSI's own drop-in is merged by its name among the others.
  const own = dropInFileName(nameOf(main?.file.path ?? ''));
  for (const { file } of dropIns) {
    const name = nameOf(file.path);
    const reset = linesOf(file, 'Secret').find(({ value }) => value === '');
    if (!reset || name < own) continue;
    throw new PsiError('CONFLICT', `${file.path} takes back the secrets that psi writes into ${own}`, {
      hint: `rename it to something that sorts before, such as 40-${name.replace(/^\d+-/, '')}`,
    });
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

type Gone = {
  readonly file: QuadletFile;
  readonly line: QuadletLine;
  readonly key: string;
  readonly place: string;
  readonly kept: readonly Word[];
  readonly names: readonly string[];
};

function gone(
  lines: readonly LiveLine[],
  key: string,
  variablesOf: (word: Word, at: LiveLine) => readonly string[] | undefined,
): readonly Gone[] {
  return lines.flatMap((at) => {
    // A line that Podman reads in part only is somebody's mistake: it is left for them to see.
    if (at.shared || at.ignored !== undefined) return [];
    const words = at.words.map((word) => ({ word, variables: variablesOf(word, at) }));
    const names = words.flatMap(({ variables }) => variables ?? []);
    if (names.length === 0) return [];
    const kept = words.filter(({ variables }) => variables === undefined).map(({ word }) => word);
    // As the last thing of a line its backslash would continue the line.
    if (kept.at(-1)?.raw.endsWith('\\')) return [];
    return [{ file: at.file, line: at.line, key, place: at.place, kept, names }];
  });
}

function edited(file: QuadletFile, goes: readonly Gone[]): Edit {
  const after = [...file.physical];
  for (const { line, key, kept } of goes) {
    const end = /\r?\n$/.exec(file.physical[line.last] ?? '')?.[0] ?? '';
    const rest = kept.length === 0 ? [] : [`${key}=${kept.map(({ raw }) => raw).join(' ')}${end}`];
    const comments = commentsWithin(file, line);
    // In place, so that the numbers of the other lines stay true.
    after.fill('', line.first, line.last + 1);
    after[line.first] = [...comments, ...rest].join('');
  }
  return {
    path: file.path,
    before: file.physical.join(''),
    after: after.join(''),
    removed: goes.map(({ place, key, names }) => `${place} ${key}= ${names.join(', ')}`),
  };
}
