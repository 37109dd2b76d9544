// The certificate manager: profiles, orders, certificates and their renewals. Knows nothing of HTTP.
import { randomUUID } from 'node:crypto';
import { ApiFailure } from './errors.ts';
import { PkiAuthority } from './pki-authority.ts';
import type { LeafWish } from './pki-authority.ts';
import { PKI_DEFAULTS } from './pki-knobs.ts';
import type { PkiKnobValues } from './pki-knobs.ts';
import type { Clock } from './model.ts';

export interface Profile {
  readonly id: string;
  readonly project: string;
}

export type Wish = Omit<LeafWish, 'notBefore' | 'notAfter'> & { readonly ttlMs: number; readonly removeRoots: boolean };

export interface StoredCertificate {
  readonly id: string;
  readonly project: string;
  readonly wish: Wish;
  readonly certificate: string;
  readonly privateKey: string;
  readonly serialNumber: string;
  readonly notBefore: number;
  readonly notAfter: number;
  revoked: boolean;
  renewedAs: string | undefined;
}

export interface StoredRequest {
  readonly id: string;
  readonly project: string;
  readonly wish: Wish;
  readonly renews: StoredCertificate | undefined;
  readonly first: string;
  status: string;
  looks: number;
  certificate: StoredCertificate | undefined;
}

export class Pki {
  readonly knobs: PkiKnobValues = { ...PKI_DEFAULTS };
  readonly authority = new PkiAuthority();
  readonly profiles = new Map<string, Profile>();
  readonly certificates = new Map<string, StoredCertificate>();
  readonly requests = new Map<string, StoredRequest>();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  set(change: Partial<PkiKnobValues>): void {
    Object.assign(this.knobs, change);
  }

  addProfile(profile: Profile): void {
    this.profiles.set(profile.id, profile);
  }

  /** As an administrator does it. */
  revoke(id: string): void {
    this.find(id).revoked = true;
  }

  find(id: string): StoredCertificate {
    const found = this.certificates.get(id);
    if (found === undefined) throw new ApiFailure('not-found', `Certificate with ID '${id}' not found`);
    return found;
  }

  findRequest(id: string): StoredRequest {
    const found = this.requests.get(id);
    if (found === undefined) throw new ApiFailure('not-found', `Certificate request with ID '${id}' not found`);
    return found;
  }

  /** Of a synchronous authority the certificate, of another the request. */
  order(project: string, wish: Wish): StoredRequest {
    return this.#order(project, wish, undefined);
  }

  renew(id: string): StoredRequest {
    const old = this.find(id);
    const refusal = this.#refuseRenewal(old);
    if (refusal !== undefined) {
      throw new ApiFailure('bad-request', `Certificate is not eligible for renewal: ${refusal}`);
    }
    return this.#order(old.project, old.wish, old);
  }

  /** One look from outside: an external authority may have finished meanwhile. */
  look(request: StoredRequest): void {
    request.looks += 1;
    const { doneAfterLooks } = this.knobs;
    if (!isFinal(request) && doneAfterLooks > 0 && request.looks >= doneAfterLooks) this.decide(request);
  }

  /** As the authority or an approver decides it, by the knob `outcome`. */
  decide(request: StoredRequest): void {
    const { outcome } = this.knobs;
    if (outcome === 'issued') this.#issue(request);
    request.status = outcome;
  }

  decideAll(): void {
    for (const request of this.requests.values()) if (!isFinal(request)) this.decide(request);
  }

  isExpired({ notAfter }: StoredCertificate): boolean {
    return notAfter <= this.#now();
  }

  #refuseRenewal(old: StoredCertificate): string | undefined {
    if (old.renewedAs !== undefined) return 'Certificate has already been renewed';
    if (old.revoked) return 'Certificate is revoked';
    return this.isExpired(old) ? 'Certificate is already expired' : undefined;
  }

  #order(project: string, wish: Wish, renews: StoredCertificate | undefined): StoredRequest {
    const first = this.knobs.mode === 'approval' ? 'pending_approval' : 'pending';
    const request: StoredRequest = {
      ...{ id: randomUUID(), project, wish, renews, first },
      ...{ status: first, looks: 0, certificate: undefined },
    };
    this.requests.set(request.id, request);
    if (this.knobs.mode === 'sync') {
      this.#issue(request);
      request.status = 'issued';
    }
    return request;
  }

  #issue(request: StoredRequest): void {
    const { wish, project, renews } = request;
    const { longestMs, backdatedMs, ended, wrongKey } = this.knobs;
    const life = longestMs > 0 ? Math.min(longestMs, wish.ttlMs) : wish.ttlMs;
    // X.509 knows whole seconds.
    const now = Math.floor(this.#now() / 1000) * 1000;
    const notBefore = now - (ended ? life + 60_000 : backdatedMs);
    const leaf = this.authority.issue({ ...wish, notBefore, notAfter: notBefore + life });
    const privateKey = wrongKey
      ? this.authority.issue({ ...wish, notBefore, notAfter: notBefore + life }).privateKey
      : leaf.privateKey;
    const stored: StoredCertificate = {
      ...{ ...leaf, privateKey, id: randomUUID(), project, wish, notBefore, notAfter: notBefore + life },
      ...{ revoked: false, renewedAs: undefined },
    };
    this.certificates.set(stored.id, stored);
    request.certificate = stored;
    if (renews) renews.renewedAs = stored.id;
  }
}

function isFinal({ status }: StoredRequest): boolean {
  return status === 'issued' || status === 'failed' || status === 'rejected';
}
