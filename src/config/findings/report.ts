// Issues as text for people: where, expected, got, hint, and the line with carets. Everything secret is already hidden here.

import type { LocatedIssue } from './issue.ts';

export type ReportOptions = { readonly color: boolean };

const STYLES = { bold: '1', red: '31', green: '32', cyan: '36', dim: '2' } as const;

export function formatIssues(issues: readonly LocatedIssue[], options: ReportOptions): string {
  const paint = (style: keyof typeof STYLES, text: string): string =>
    options.color ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;

  return issues
    .map((issue) => {
      const place = `${issue.file}:${String(issue.line)}:${String(issue.column)}`;
      const lines = [
        `${paint('bold', place)}${issue.path === '' ? '' : `  ${issue.path}`}`,
        `  ${paint('green', 'expected')}  ${issue.expected}`,
        `  ${paint('red', 'got')}       ${issue.got}`,
        `  ${paint('cyan', 'hint')}      ${issue.hint}`,
      ];
      if (issue.excerpt !== undefined) {
        const { text, start, length } = issue.excerpt;
        const number = String(issue.line).padStart(6);
        lines.push(`${paint('dim', `${number} |`)} ${text}`);
        lines.push(`${paint('dim', '       |')} ${' '.repeat(start)}${paint('red', '^'.repeat(length))}`);
      }
      return `${lines.join('\n')}\n`;
    })
    .join('\n');
}
