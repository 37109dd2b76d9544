// A failure as plain data: what reports, event streams and `--json` carry of an error.

import type { PsiError } from './error.ts';

export type Failure = {
  readonly workload: string | null;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
};

/** An error as the report carries it. */
export function failureOf(error: PsiError, workload?: string): Failure {
  return { workload: workload ?? null, code: error.code, message: error.message, hint: error.hint ?? null };
}
