// Port: the authority that issues certificates . Its answers come as they are; what to do next is decided elsewhere.
//
// Failure meaning (PsiError codes): as in secret-source.ts. Further: PROVIDER_DENIED where a policy or a profile refuses what was asked,
// and where the server is too old to have such certificates. An order or renewal is never made twice: after DEADLINE or PROVIDER_DOWN it
// may have happened.

import type { WantedCertificate } from './certificate.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import type { SecretValue } from '../core/secret-value.ts';

/** PEM texts. `key` is undefined where the identity may not read it. */
export type CertificateMaterial = {
  readonly certificate: string;
  /** The issuers, in order; empty: none were given. */
  readonly chain: string;
  /** Undefined: not told, but it is the first of the chain. */
  readonly ca: string | undefined;
  readonly key: SecretValue | undefined;
};

export type OrderAnswer =
  | { readonly kind: 'issued'; readonly certificateId: string; readonly material: CertificateMaterial }
  /** To be asked for by its id: approval, or an authority further away. */
  | { readonly kind: 'pending'; readonly requestId: string; readonly status: string };

/** `gone`: it cannot be renewed any more (renewed already, expired, revoked, unknown). */
export type RenewAnswer = OrderAnswer | { readonly kind: 'gone' };

export type RequestAnswer =
  | { readonly kind: 'issued'; readonly certificateId: string }
  | { readonly kind: 'pending'; readonly status: string }
  /** Final. `reason` is the authority's own, in one line. */
  | { readonly kind: 'failed' | 'rejected'; readonly reason: string }
  /** No request of this id. */
  | { readonly kind: 'unknown' };

export type CertificateRecord = {
  readonly active: boolean;
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
  /** Whatever renewed it last, by us or by the server. */
  readonly renewedAs: string | undefined;
};

export type CertificateAuthority = {
  readonly words: ProviderWords;
  /**
   * By how many milliseconds at least the authority's clock is ahead of this host's; negative: behind. Undefined: it does not tell. Orders
   * nothing and needs no login.
   */
  readonly clockAhead: (signal: AbortSignal) => Promise<number | undefined>;
  readonly issue: (wanted: WantedCertificate, signal: AbortSignal) => Promise<OrderAnswer>;
  /** The same subject, names and lifetime again under a new id and with a new key, whatever the config says now. */
  readonly renew: (wanted: WantedCertificate, id: string, signal: AbortSignal) => Promise<RenewAnswer>;
  /** Undefined: no such certificate. */
  readonly inspect: (project: string, id: string, signal: AbortSignal) => Promise<CertificateRecord | undefined>;
  readonly request: (project: string, requestId: string, signal: AbortSignal) => Promise<RequestAnswer>;
  /** Undefined: no such certificate. */
  readonly fetch: (project: string, id: string, signal: AbortSignal) => Promise<CertificateMaterial | undefined>;
};
