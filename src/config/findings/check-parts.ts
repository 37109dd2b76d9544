// Pieces that several cross checks share.

import type { Finding, Path } from './finding.ts';
import { suggest } from './hints.ts';
import { MOST_RECOVERY_KEYS } from '../schema/recovery-field.ts';
import { isRecord } from '../schema/shape.ts';

export type Plain = Readonly<Record<string, unknown>>;

export function projectCheck(project: unknown, projects: readonly string[], path: Path): readonly Finding[] {
  if (typeof project !== 'string' || projects.includes(project)) return [];
  const expected = listOr(projects, 'a project under projects');
  return [
    { code: 'UNKNOWN_PROJECT', path, expected, actual: project, visible: true, suggestion: suggest(project, projects) },
  ];
}

/** Reports each place whose text an earlier one has already. */
export function samePlace(root: Plain, paths: readonly (readonly string[])[], at: Path = []): readonly Finding[] {
  const seen = new Map<unknown, string>();
  return paths.flatMap((path) => {
    const value = path.reduce<unknown>((node, key) => mapOf(node)[key], root);
    const other = seen.get(value);
    if (typeof value !== 'string') return [];
    if (other === undefined) {
      seen.set(value, path.join('.'));
      return [];
    }
    return [
      {
        code: 'SAME_PATH',
        path: [...at, ...path],
        expected: 'a path of its own',
        got: `the path of ${other}`,
      } as const,
    ];
  });
}

/** Those that a list, or a single text, names for a file. `path`: of the list. */
export function recipientChecks(written: unknown, path: Path): readonly Finding[] {
  const count = Array.isArray(written) ? written.length : 1;
  const expected = `at most ${String(MOST_RECOVERY_KEYS)} recovery keys`;
  const tooMany: readonly Finding[] = [{ code: 'TOO_MANY_RECIPIENTS', path, expected, got: 'more' }];
  return [...doubled(written, path), ...(count > MOST_RECOVERY_KEYS ? tooMany : [])];
}

export function doubled(written: unknown, path: Path): readonly Finding[] {
  const texts = textsOf(written);
  return texts.flatMap((text, index) =>
    texts.indexOf(text) === index
      ? []
      : [{ code: 'RECIPIENT_TWICE', path: [...path, index], expected: 'each once', got: 'the same again' }],
  );
}

export function textsOf(written: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(written) ? written : [written];
  return all.filter((one) => typeof one === 'string');
}

export function mapOf(value: unknown): Plain {
  return isRecord(value) ? value : {};
}

export function listOr(names: readonly string[], fallback: string): string {
  if (names.length === 0 || names.length > 12) return fallback;
  return names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;
}
