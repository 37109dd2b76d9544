// A failure as plain data: what reports, event streams, answers over HTTP and `--json` carry of an error.

import type { ErrorCode, PsiError } from './error.ts';

export type Failure = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
};

/** `workload`: null where it concerns all of them. */
export type WorkloadFailure = Failure & { readonly workload: string | null };

export function failureOf({ code, message, hint }: PsiError): Failure {
  return { code, message, hint: hint ?? null };
}
