// Pieces that several cross checks share.

import type { Finding, Path } from './finding.ts';
import { suggest } from './hints.ts';
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

export function mapOf(value: unknown): Plain {
  return isRecord(value) ? value : {};
}

export function listOr(names: readonly string[], fallback: string): string {
  if (names.length === 0 || names.length > 12) return fallback;
  return names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;
}
