// What a run did for each certificate, as people and programs read it. No key and no output of an authority is in it.

import type { PsiError, Retry } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';

export type CertificateOutcome = 'issued' | 'renewed' | 'restored' | 'kept' | 'pending' | 'failed';

export type HookReport = {
  readonly argv: readonly string[];
  readonly ok: boolean;
  readonly exit: number | null;
  /** What else ended it, or why it was not started. */
  readonly ended: string | null;
  readonly output: readonly string[];
};

export type CertificateFailure = Failure & { readonly retry: Retry };

export type CertificateReport = {
  readonly name: string;
  readonly outcome: CertificateOutcome;
  /** ISO texts. */
  readonly notAfter: string | null;
  readonly renewalDue: string | null;
  /** The authority's word for an order that is under way. */
  readonly requestStatus: string | null;
  readonly hooks: readonly HookReport[];
  /** Others than root and the key's owner can change the folder that the key lies in. */
  readonly exposed: Failure | null;
  readonly failure: CertificateFailure | null;
};

export type CertificateRunReport = { readonly certificates: readonly CertificateReport[]; readonly exit: number };

export function certificateFailure(error: PsiError): CertificateFailure {
  return { ...failureOf(error), retry: error.retry };
}

/**
 * 0: all is as it should be. 75: nothing but waiting helps, and the next run goes on. 77: all that failed was denied. 1: anything else
 * failed, hooks included.
 */
export function certificateExit(certificates: readonly CertificateReport[]): number {
  const exits = certificates.flatMap(({ outcome, failure, hooks }) => [
    ...(failure ? [exitOf(failure)] : []),
    ...(outcome === 'pending' ? [EXIT.TRY_LATER] : []),
    ...(hooks.some(({ ok }) => !ok) ? [EXIT.FAILED] : []),
  ]);
  if (exits.length === 0) return EXIT.DONE;
  const serious = exits.filter((exit) => exit !== EXIT.TRY_LATER);
  if (serious.length === 0) return EXIT.TRY_LATER;
  return serious.every((exit) => exit === EXIT.DENIED) ? EXIT.DENIED : EXIT.FAILED;
}

function exitOf({ code, retry }: CertificateFailure): number {
  if (retry === 'later' && code !== 'HOST') return EXIT.TRY_LATER;
  return exitCode(code) === EXIT.DENIED ? EXIT.DENIED : EXIT.FAILED;
}
