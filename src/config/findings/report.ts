// Issues as text for people: where, expected, got, hint, and the line with carets. Everything secret is already hidden here.

import { styleText } from 'node:util';
import type { LocatedIssue } from './issue.ts';

export type ReportOptions = { readonly color: boolean };

export function formatIssues(issues: readonly LocatedIssue[], options: ReportOptions): string {
  // Whether there is to be colour is the caller's to say, who knows where the text goes.
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    options.color ? styleText(style, text, { validateStream: false }) : text;

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
