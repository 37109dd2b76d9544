// Infisical's certificate manager over HTTP: what is really sent, real X.509, and how refusals read.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createCertificateAuthority } from '../../../src/adapters/infisical/certificates.ts';
import { ttlText } from '../../../src/adapters/infisical/certificate-requests.ts';
import type { WantedCertificate } from '../../../src/certificates/certificate.ts';
import type { PsiError } from '../../../src/core/error.ts';
import type { CertificateAuthority, CertificateMaterial } from '../../../src/certificates/certificate-authority.ts';
import { PKI_DEFAULTS } from '../../doubles/infisical/pki-knobs.ts';
import { WANTED } from '../certificate-authority.contract.ts';
import { PROD, startStage, type Stage } from './stage.ts';

const signal = (): AbortSignal => AbortSignal.timeout(7_000);

async function issued(authority: CertificateAuthority, wanted: WantedCertificate): Promise<CertificateMaterial> {
  const answer = await authority.issue(wanted, signal());
  assert.ok(answer.kind === 'issued');
  return answer.material;
}

async function refusal(work: Promise<unknown>): Promise<PsiError> {
  try {
    await work;
  } catch (error) {
    return error as PsiError;
  }
  return assert.fail('it was not refused');
}

describe('certificates of infisical', () => {
  let stage: Stage;
  let authority: CertificateAuthority;
  before(async () => {
    stage = await startStage();
    stage.double.pki.addProfile({ id: WANTED.profileId, project: PROD.project });
    authority = createCertificateAuthority(stage.connect());
  });
  after(() => stage.stop());
  beforeEach(() => {
    stage.double.pki.set(PKI_DEFAULTS);
    stage.double.clearCalls();
  });

  test('carry names of every type, usages, algorithms and the life that were asked for', async () => {
    const material = await issued(authority, {
      ...WANTED,
      altNames: [
        { type: 'dns_name', value: '*.example.com' },
        { type: 'ip_address', value: '192.0.2.7' },
        { type: 'ip_address', value: '2001:db8::7' },
        { type: 'email', value: 'web@example.com' },
        { type: 'uri', value: 'spiffe://example.com/web' },
      ],
      keyAlgorithm: 'EC_secp384r1',
      signatureAlgorithm: 'ECDSA-SHA384',
      keyUsages: ['digital_signature', 'key_agreement'],
      extendedKeyUsages: ['server_auth', 'client_auth'],
      ttlMs: 36 * 3_600_000,
    });
    const leaf = new X509Certificate(material.certificate);
    for (const name of [
      'DNS:*.example.com',
      'IP Address:192.0.2.7',
      'IP Address:2001:DB8',
      'email:',
      'URI:spiffe://',
    ]) {
      assert.ok(leaf.subjectAltName?.includes(name), name);
    }
    assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
    assert.equal(leaf.validToDate.getTime() - leaf.validFromDate.getTime(), 36 * 3_600_000);
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.ok(leaf.verify(new X509Certificate(material.ca ?? '').publicKey));
  });

  test('come with the root in their chain unless it is to be removed', async () => {
    const count = (pem: string): number => pem.split('BEGIN CERTIFICATE').length - 1;
    assert.equal(count((await issued(authority, WANTED)).chain), 2);
    assert.equal(count((await issued(authority, { ...WANTED, removeRoots: true })).chain), 1);
  });

  test('are asked for in days, hours and minutes alone', () => {
    assert.deepEqual([90 * 86_400_000, 36 * 3_600_000, 90 * 60_000].map(ttlText), ['90d', '36h', '90m']);
  });

  const hints: readonly (readonly [string, () => Promise<unknown>, RegExp, RegExp])[] = [
    [
      'a slug for a profile id',
      () => authority.issue({ ...WANTED, profileId: 'web-servers' }, signal()),
      /finds the request to issue web\.example\.com .*invalid \(profileId\)/,
      /not the slug/,
    ],
    [
      'a profile that is not there',
      () => authority.issue({ ...WANTED, profileId: '3d2a9c11-0000-4000-8000-00000000ffff' }, signal()),
      /does not find .*Certificate profile with ID/,
      /profile_id/,
    ],
    [
      'a missing right',
      () => {
        stage.double.pki.set({ deny: ['issue-cert'] });
        return authority.issue(WANTED, signal());
      },
      /refuses to issue web\.example\.com/,
      /issue-cert on certificate profiles/,
    ],
    [
      'a policy',
      () => {
        stage.double.pki.set({ policy: 'Key algorithm RSA_2048 is not allowed' });
        return authority.issue(WANTED, signal());
      },
      /RSA_2048 is not allowed/,
      /policy of its profile/,
    ],
  ];
  for (const [what, ask, message, hint] of hints) {
    test(`refused for ${what} say what to look at`, async () => {
      const error = await refusal(ask());
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
    });
  }

  test('of a server without them: it is called too old', async () => {
    const old = await startStage({ double: { generation: '2024' } });
    try {
      const error = await refusal(createCertificateAuthority(old.connect()).issue(WANTED, signal()));
      assert.equal(error.code, 'PROVIDER_DENIED');
      assert.match(error.message, /too old/);
      assert.match(error.hint ?? '', /December 2025/);
    } finally {
      await old.stop();
    }
  });

  test('an answer that is none is no certificate', async () => {
    stage.double.knobs.failNext(1, { status: 200, body: { certificate: null }, only: ['certificates'] });
    await assert.rejects(authority.issue(WANTED, signal()), { code: 'PROVIDER_DOWN' });
    stage.double.knobs.failNext(1, { status: 200, body: '<html>', only: ['certificates'] });
    await assert.rejects(authority.issue(WANTED, signal()), { code: 'PROVIDER_DOWN' });
  });

  test('of a server that keeps renewals to itself: a renewed one is gone', async () => {
    const answer = await authority.issue(WANTED, signal());
    assert.ok(answer.kind === 'issued');
    stage.double.pki.renew(answer.certificateId);
    stage.double.pki.set({ showsRenewals: false });
    assert.equal((await authority.inspect('main', answer.certificateId, signal()))?.renewedAs, undefined);
    assert.equal((await authority.renew(WANTED, answer.certificateId, signal())).kind, 'gone');
  });
});
