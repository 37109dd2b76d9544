// When a certificate is renewed and what a run has to do for it. Decisions only.

import type { CertificateState, LeafFacts, PendingRequest, WantedCertificate } from './certificate.ts';
import { PsiError } from '../core/error.ts';
import { spanText } from '../core/time.ts';

/** Its own dates, and since when it is held. */
export type Held = Pick<LeafFacts, 'notBefore' | 'notAfter'> & { readonly obtainedAt?: number | undefined };

type Wish = Pick<WantedCertificate, 'ttlMs' | 'renewBeforeMs'>;

/** Of its life. Earlier than after a third nothing is renewed: it would be due again at the next run, and at each one after it. */
const LONGEST_PART = 2 / 3;

/** What is in place, and since when; else what was there last. */
export function heldCertificate(onDisk: LeafFacts | undefined, { certificate }: CertificateState): Held | undefined {
  if (!onDisk) return certificate;
  return { ...onDisk, obtainedAt: onDisk.serial === certificate?.serial ? certificate.obtainedAt : undefined };
}

/**
 * How long before its end a certificate is to be renewed. Authorities shorten what was asked for, and then this time shrinks with it; and
 * some set its beginning back, which is no time that it can be used in.
 */
export function renewalWindow(held: Held, wish: Wish): number {
  const life = Math.max(0, held.notAfter - held.notBefore);
  return Math.min(wish.renewBeforeMs * Math.min(1, life / wish.ttlMs), usableLife(held) * LONGEST_PART);
}

/** Of its life, what was left when it came. */
function usableLife({ notBefore, notAfter, obtainedAt = notBefore }: Held): number {
  return Math.max(0, notAfter - Math.max(notBefore, obtainedAt));
}

/** The same of one that the authority gives as it was asked for. */
export function wantedWindow(wish: Wish): number {
  return renewalWindow({ notBefore: 0, notAfter: wish.ttlMs }, wish);
}

/** When to renew. `fraction` (0 to 1) spreads hosts over a tenth of the time before the end, to the early side. */
export function renewalDue(held: Held, wish: Wish, fraction: number): number {
  const before = renewalWindow(held, wish);
  const life = Math.max(0, held.notAfter - held.notBefore);
  return Math.round(held.notAfter - before - fraction * 0.1 * Math.min(before, life - before));
}

/** Rounding and the seconds that an authority takes off are not worth a word. */
const WORTH_SAYING = 0.95;

/** That it is renewed later than the config says, and why; undefined: it is not. */
export function renewedLater(held: Held, wish: Wish): PsiError | undefined {
  const window = renewalWindow(held, wish);
  if (window >= wish.renewBeforeMs * WORTH_SAYING) return undefined;
  const { why, hint } = reasonOf(held, wish);
  const dates = `${spanText(window)} before its end and not ${spanText(wish.renewBeforeMs)}`;
  return new PsiError('BAD_CERTIFICATE', `it is renewed ${dates}: ${why}`, { hint });
}

function reasonOf(held: Held, { ttlMs }: Wish): { readonly why: string; readonly hint: string } {
  const life = held.notAfter - held.notBefore;
  const usable = usableLife(held);
  if (life < ttlMs * WORTH_SAYING) {
    return {
      why: `it lives ${spanText(life)}, and ${spanText(ttlMs)} were asked for`,
      hint: "set `ttl` to what the certificate's profile allows and `renew_before` to two thirds of it at most, or have the profile allow more",
    };
  }
  const why =
    usable < life * WORTH_SAYING ? `it came with ${spanText(usable)} of its life left` : `it lives ${spanText(life)}`;
  return { why, hint: 'set `renew_before` to two thirds of that at most' };
}

/** Less than what the check of a certificate lets pass: one that is ordered is taken. */
const BEHIND_MS = 4 * 60_000;

/**
 * Would what is ordered now be useless under this host's clock: not valid yet for minutes, or with a third of its life gone? `aheadMs`: the
 * authority's clock.
 */
export function uselessClock(aheadMs: number, { ttlMs }: Wish): boolean {
  return aheadMs > BEHIND_MS || -aheadMs > Math.max(BEHIND_MS, ttlMs * (1 - LONGEST_PART));
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
