// Certificate files in memory, for the certificates of FakeCertificateAuthority.

import type { CertificateOutput, LeafFacts } from '../../src/certificates/certificate.ts';
import { PsiError } from '../../src/core/error.ts';
import type { CertificateMaterial } from '../../src/certificates/certificate-authority.ts';
import type { CertificateFiles } from '../../src/certificates/certificate-files.ts';

export class FakeCertificateFiles implements CertificateFiles {
  readonly inPlace = new Map<string, LeafFacts>();
  failWith: PsiError | undefined;
  exposure: PsiError | undefined;

  inspect(name: string): Promise<LeafFacts | undefined> {
    return Promise.resolve(this.inPlace.get(name));
  }

  exposed(): Promise<PsiError | undefined> {
    return Promise.resolve(this.exposure);
  }

  replace(name: string, _output: CertificateOutput, material: CertificateMaterial, now: number): Promise<LeafFacts> {
    if (this.failWith) return Promise.reject(this.failWith);
    const facts = parse(material.certificate);
    const fits = facts !== undefined && material.key?.exposeText() === `key of ${facts.serial}`;
    if (!facts || !fits || facts.notAfter <= now) {
      return Promise.reject(new PsiError('BAD_CERTIFICATE', 'cannot be used', { hint: 'look at it' }));
    }
    this.inPlace.set(name, facts);
    return Promise.resolve(facts);
  }
}

function parse(text: string): LeafFacts | undefined {
  try {
    return JSON.parse(text) as LeafFacts;
  } catch {
    return undefined;
  }
}
