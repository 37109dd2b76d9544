// An authority in memory: certificates are JSON of their facts, so that the fake of the files can read them. Fails, waits and hides on request.

import type { LeafFacts, WantedCertificate } from '../../src/certificates/certificate.ts';
import type { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type {
  CertificateAuthority,
  CertificateMaterial,
  CertificateRecord,
  OrderAnswer,
  RenewAnswer,
  RequestAnswer,
} from '../../src/certificates/certificate-authority.ts';
import { INFISICAL_WORDS } from '../../src/adapters/infisical/provider-words.ts';
import type { Clock } from '../../src/core/clock.ts';

type Stored = LeafFacts & {
  readonly id: string;
  readonly ttlMs: number;
  revoked: boolean;
  renewedAs: string | undefined;
};
type Request = { readonly ttlMs: number; readonly renews: Stored | undefined; answer: RequestAnswer };

export class FakeCertificateAuthority implements CertificateAuthority {
  readonly words = INFISICAL_WORDS;
  readonly calls: string[] = [];
  readonly certificates = new Map<string, Stored>();
  readonly requests = new Map<string, Request>();
  readonly #clock: Clock;
  readonly #failures = new Map<string, PsiError>();
  #count = 0;
  /** Undefined: issued at once. */
  pendingAs: string | undefined;
  /** Leaves end no later than this after they begin. */
  longestMs = Infinity;
  hidesKeys = false;
  wrongKey = false;
  /** Of its clock; undefined: it does not tell. */
  aheadMs: number | undefined = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The next call of this kind, for this name or id, fails; '' is any. */
  failNext(call: 'issue' | 'renew' | 'inspect' | 'request' | 'fetch', about: string, error: PsiError): void {
    this.#failures.set(`${call} ${about}`, error);
  }

  /** Ends what is pending. */
  decide(outcome: 'issued' | 'failed' | 'rejected', reason = 'no'): void {
    for (const request of this.requests.values()) {
      if (request.answer.kind !== 'pending') continue;
      request.answer =
        outcome === 'issued'
          ? { kind: 'issued', certificateId: this.#make(request.ttlMs, request.renews).id }
          : { kind: outcome, reason };
    }
  }

  revoke(id: string): void {
    const stored = this.certificates.get(id);
    if (stored) stored.revoked = true;
  }

  clockAhead(): Promise<number | undefined> {
    return Promise.resolve(this.aheadMs);
  }

  issue(wanted: WantedCertificate): Promise<OrderAnswer> {
    return this.#attempt('issue', wanted.name, () => this.#order(wanted.ttlMs, undefined));
  }

  renew(wanted: WantedCertificate, id: string): Promise<RenewAnswer> {
    return this.#attempt('renew', wanted.name, () => {
      const old = this.certificates.get(id);
      if (!old || old.revoked || old.renewedAs !== undefined || old.notAfter <= this.#clock.now()) {
        return { kind: 'gone' };
      }
      return this.#order(old.ttlMs, old);
    });
  }

  inspect(_project: string, id: string): Promise<CertificateRecord | undefined> {
    return this.#attempt('inspect', id, () => {
      const stored = this.certificates.get(id);
      if (!stored) return undefined;
      const active = !stored.revoked && stored.notAfter > this.#clock.now();
      return { active, notBefore: stored.notBefore, notAfter: stored.notAfter, renewedAs: stored.renewedAs };
    });
  }

  request(_project: string, requestId: string): Promise<RequestAnswer> {
    return this.#attempt('request', requestId, () => this.requests.get(requestId)?.answer ?? { kind: 'unknown' });
  }

  fetch(_project: string, id: string): Promise<CertificateMaterial | undefined> {
    return this.#attempt('fetch', id, () => {
      const stored = this.certificates.get(id);
      return stored && this.#material(stored);
    });
  }

  #order(ttlMs: number, renews: Stored | undefined): OrderAnswer {
    if (this.pendingAs !== undefined) {
      const requestId = `request-${String((this.#count += 1))}`;
      this.requests.set(requestId, { ttlMs, renews, answer: { kind: 'pending', status: this.pendingAs } });
      return { kind: 'pending', requestId, status: this.pendingAs };
    }
    const stored = this.#make(ttlMs, renews);
    return { kind: 'issued', certificateId: stored.id, material: this.#material(stored) };
  }

  #make(ttlMs: number, renews: Stored | undefined): Stored {
    const number = String((this.#count += 1));
    const notBefore = this.#clock.now();
    const notAfter = notBefore + Math.min(ttlMs, this.longestMs);
    const stored = {
      id: `id-${number}`,
      serial: number,
      notBefore,
      notAfter,
      ttlMs,
      revoked: false,
      renewedAs: undefined,
    };
    this.certificates.set(stored.id, stored);
    if (renews) renews.renewedAs = stored.id;
    return stored;
  }

  #material({ serial, notBefore, notAfter }: Stored): CertificateMaterial {
    const key = SecretValue.fromText(`key of ${this.wrongKey ? 'another' : serial}`);
    return {
      certificate: JSON.stringify({ serial, notBefore, notAfter }),
      chain: 'the chain',
      ca: undefined,
      key: this.hidesKeys ? undefined : key,
    };
  }

  #attempt<T>(call: string, about: string, work: () => T): Promise<T> {
    this.calls.push(`${call} ${about}`);
    for (const key of [`${call} ${about}`, `${call} `]) {
      const failure = this.#failures.get(key);
      this.#failures.delete(key);
      if (failure) return Promise.reject(failure);
    }
    return Promise.resolve(work());
  }
}
