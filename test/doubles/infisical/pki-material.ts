// Pairs as an authority hands them out, without a server. Real X.509, valid around NOW.
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { CertificateMaterial } from '../../../src/certificates/certificate-authority.ts';
import { PkiAuthority } from './pki-authority.ts';

export const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;

const authority = new PkiAuthority();

export function makeMaterial(fault?: 'wrong key' | 'no key' | 'ended' | 'unreadable'): CertificateMaterial {
  const wish = {
    commonName: 'web.example.com',
    altNames: [],
    keyAlgorithm: 'EC_prime256v1',
    digest: 'sha256',
    keyUsages: [],
    extendedKeyUsages: [],
    notBefore: NOW - DAY,
    notAfter: fault === 'ended' ? NOW : NOW + 30 * DAY,
  };
  const leaf = authority.issue(wish);
  const key = fault === 'wrong key' ? authority.issue(wish).privateKey : leaf.privateKey;
  return {
    certificate: fault === 'unreadable' ? 'no certificate' : leaf.certificate,
    chain: `${authority.issuer}${authority.root}`,
    ca: undefined,
    key: fault === 'no key' ? undefined : SecretValue.fromText(key),
  };
}
