// Issues as text for people: where, expected, got, hint, and the line with carets. Everything secret is already hidden here.

import { painted, type Line } from '../../core/text/line.ts';
import type { LocatedIssue } from './issue.ts';

/** Each with an empty line behind it. */
export function formatIssues(issues: readonly LocatedIssue[]): readonly Line[] {
  return issues.flatMap((issue) => [...linesOf(issue), '']);
}

function linesOf(issue: LocatedIssue): readonly Line[] {
  const place = `${issue.file}:${String(issue.line)}:${String(issue.column)}`;
  return [
    [
      painted('bold', place),
      issue.path === '' ? '' : `  ${issue.path}`,
      issue.severity === 'warning' ? '  (warning)' : '',
    ],
    ['  ', painted('green', 'expected'), `  ${issue.expected}`],
    ['  ', painted('red', 'got'), `       ${issue.got}`],
    ['  ', painted('cyan', 'hint'), `      ${issue.hint}`],
    ...excerptLines(issue),
  ];
}

function excerptLines({ line, excerpt }: LocatedIssue): readonly Line[] {
  if (excerpt === undefined) return [];
  const { text, start, length } = excerpt;
  return [
    [painted('dim', `${String(line).padStart(6)} |`), ` ${text}`],
    [painted('dim', '       |'), ` ${' '.repeat(start)}`, painted('red', '^'.repeat(length))],
  ];
}
