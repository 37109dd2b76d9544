// What a test can turn at the certificate manager. Values only.

export type PkiDenial = 'issue-cert' | 'read' | 'read-private-key';

export interface PkiKnobValues {
  /** `external`: an authority further away answers later; `approval`: a person does. */
  mode: 'sync' | 'external' | 'approval';
  /** An external authority is done at this look at the request; 0: never by itself. */
  doneAfterLooks: number;
  outcome: 'issued' | 'failed' | 'rejected';
  /** Overrides the status of a request that is not decided. */
  status: string;
  errorMessage: string;
  /** Hands out another key than that of the certificate. */
  wrongKey: boolean;
  /** Leaves end no later than this after they begin; 0 is off. */
  longestMs: number;
  /** Leaves begin so long before they are made: an hour behind an ACME authority such as Let's Encrypt. */
  backdatedMs: number;
  /** Leaves have ended before they are handed out. */
  ended: boolean;
  deny: readonly PkiDenial[];
  /** A policy's refusal, in words; empty is off. */
  policy: string;
  /** Renewals show `latestRenewalCertificateId`; older servers keep it to themselves. */
  showsRenewals: boolean;
}

export const PKI_DEFAULTS: PkiKnobValues = {
  mode: 'sync',
  doneAfterLooks: 0,
  outcome: 'issued',
  status: '',
  errorMessage: 'the authority did not answer',
  wrongKey: false,
  longestMs: 0,
  backdatedMs: 0,
  ended: false,
  deny: [],
  policy: '',
  showsRenewals: true,
};
