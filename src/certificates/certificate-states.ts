// Port: what PSI remembers of its certificates between two runs: ids, dates, the last error. No keys.

import type { CertificateState } from './certificate.ts';

export type CertificateStates = {
  /**
   * Undefined: none there, or a damaged one. Understands what the Python PSI kept. Failure: HOST (there is one, and it cannot be read: an
   * order that is under way would be made a second time).
   */
  readonly get: (name: string) => Promise<CertificateState | undefined>;
  /** Durable when it resolves. Failure: HOST. */
  readonly put: (name: string, state: CertificateState) => Promise<void>;
};
