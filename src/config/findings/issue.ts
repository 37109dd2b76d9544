// One problem in a configuration file, and the error that carries all of them.

import { PsiError } from '../../core/error.ts';
import type { IssueCode, Severity } from './hints.ts';

/** What `--json` prints. */
export type Issue = {
  readonly code: IssueCode;
  readonly severity: Severity;
  /** Dotted path of keys, `workloads.myapp.secrets.0.path`. Empty for the file as a whole. */
  readonly path: string;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  /** What stands there: the value where it is public, else only its type. */
  readonly got: string;
  readonly hint: string;
};

/** The line of the file with everything hidden that is not public; `start` counts from 0 in that text. */
export type Excerpt = { readonly text: string; readonly start: number; readonly length: number };

export type LocatedIssue = Issue & { readonly excerpt?: Excerpt };

/** CONFIG_INVALID with everything that was found, ordered by position; at least one of it is an error. */
export class ConfigError extends PsiError {
  readonly issues: readonly LocatedIssue[];

  constructor(message: string, issues: readonly LocatedIssue[], hint: string) {
    super('CONFIG_INVALID', message, { hint });
    this.name = 'ConfigError';
    this.issues = issues;
  }
}

/** Exactly the fields of Issue, in their order, for `--json`. */
export function issuesAsJson(issues: readonly LocatedIssue[]): readonly Issue[] {
  return issues.map(({ code, severity, path, file, line, column, expected, got, hint }) => {
    return { code, severity, path, file, line, column, expected, got, hint };
  });
}

const SHORT = 240;

/** One finding on one line: position, what was expected and what stands there. */
export function issueText({ file, line, column, path, expected, got }: Issue): string {
  const at = `${file}:${String(line)}:${String(column)}`;
  const text = `${at}${path === '' ? '' : ` ${path}`}: expected ${expected}, got ${got}`;
  return text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text;
}

/** The first of those that refuse the file; undefined for a refusal of another kind, such as a secret that cannot be read. */
export function firstError(error: PsiError): LocatedIssue | undefined {
  return error instanceof ConfigError ? error.issues.find(({ severity }) => severity === 'error') : undefined;
}
