// When a certificate is renewed and what a run has to do for it. Decisions only.

import type { CertificateState, LeafFacts, PendingRequest, WantedCertificate } from './certificate.ts';

/**
 * When to renew, by the certificate's own dates. Authorities shorten what was asked for, and then the time before the end shrinks with
 * it: otherwise a certificate of a day would be renewed at every run. `fraction` (0 to 1) spreads hosts over a tenth of it, to the early
 * side.
 */
export function renewalDue(
  { notBefore, notAfter }: Pick<LeafFacts, 'notBefore' | 'notAfter'>,
  { ttlMs, renewBeforeMs }: Pick<WantedCertificate, 'ttlMs' | 'renewBeforeMs'>,
  fraction: number,
): number {
  const life = Math.max(0, notAfter - notBefore);
  const before = renewBeforeMs * Math.min(1, life / ttlMs);
  return Math.round(notAfter - before - fraction * 0.1 * Math.min(before, life - before));
}

/** The same host and name always come to the same part of the spread. `digest`: hex. */
export function spreadOf(digest: string): number {
  return parseInt(digest.slice(0, 8), 16) / 0x1_0000_0000;
}

/** `issue`: those that are not issued yet. `renew`: all that is not as it should be. */
export type CertificateRunMode = 'issue' | 'renew';

export type CertificatePlan =
  | { readonly act: 'keep' }
  | { readonly act: 'issue'; readonly why: 'new' | 'changed' | 'expired' | 'forced' }
  | { readonly act: 'renew'; readonly id: string }
  /** Issued, but its files are not in place. */
  | { readonly act: 'fetch'; readonly id: string }
  | { readonly act: 'poll'; readonly request: PendingRequest; readonly requestId: string }
  /** Somebody has rejected the request; asking again every day would not change that. */
  | { readonly act: 'rejected' };

export type PlanInput = {
  readonly mode: CertificateRunMode;
  readonly force: boolean;
  /** Digest of what the config asks for now. */
  readonly asked: string;
  readonly state: CertificateState;
  /** Of the pair that is in place, undefined if there is none that belongs together. */
  readonly onDisk: LeafFacts | undefined;
  readonly now: number;
  /** When the certificate that is held is to be renewed. */
  readonly dueAt: number | undefined;
};

export function planCertificate({ mode, force, asked, state, onDisk, now, dueAt }: PlanInput): CertificatePlan {
  const { certificate, request } = state;
  // An order that is under way is followed even when forced: a second one would cost the authority's quota and leave the first behind.
  if (request?.asked === asked) {
    if (request.certificateId !== undefined && !force) return { act: 'fetch', id: request.certificateId };
    if (request.status === 'rejected' && !force) return { act: 'rejected' };
    if (request.status !== 'rejected' && request.certificateId === undefined && request.requestId !== undefined) {
      return { act: 'poll', request, requestId: request.requestId };
    }
  }
  if (!certificate) return { act: 'issue', why: 'new' };
  if (mode === 'issue') return force ? { act: 'issue', why: 'forced' } : { act: 'keep' };
  if (state.asked !== undefined && state.asked !== asked) return { act: 'issue', why: 'changed' };
  // An authority renews nothing that has expired.
  if ((onDisk ?? certificate).notAfter <= now) return { act: 'issue', why: 'expired' };
  if (force || (dueAt !== undefined && dueAt <= now)) return { act: 'renew', id: certificate.id };
  return onDisk?.serial === certificate.serial ? { act: 'keep' } : { act: 'fetch', id: certificate.id };
}
