// States in memory. Each put is remembered, so that a test can see what a killed run would have left.

import type { CertificateState } from '../../src/certificates/certificate.ts';
import type { CertificateStates } from '../../src/certificates/certificate-states.ts';

export class FakeCertificateStates implements CertificateStates {
  readonly kept = new Map<string, CertificateState>();
  readonly history: CertificateState[] = [];

  get(name: string): Promise<CertificateState | undefined> {
    return Promise.resolve(this.kept.get(name));
  }

  put(name: string, state: CertificateState): Promise<void> {
    this.kept.set(name, state);
    this.history.push(state);
    return Promise.resolve();
  }
}
