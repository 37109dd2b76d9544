// Port: what PSI remembers of its certificates between two runs: ids, dates, the last error. No keys.

import type { CertificateState } from './certificate.ts';

export type CertificateStates = {
  /** Undefined: none there, or unreadable. Understands what the Python PSI kept. */
  readonly get: (name: string) => Promise<CertificateState | undefined>;
  /** Durable when it resolves. Failure: HOST. */
  readonly put: (name: string, state: CertificateState) => Promise<void>;
};
