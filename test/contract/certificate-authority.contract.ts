// What every CertificateAuthority keeps, on the fake and on Infisical over HTTP.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { WantedCertificate } from '../../src/certificates/certificate.ts';
import type { CertificateAuthority, OrderAnswer } from '../../src/certificates/certificate-authority.ts';

export type AuthorityUnderTest = {
  readonly authority: CertificateAuthority;
  /** From now on orders are answered later. */
  readonly defer: (status: string) => void;
  readonly decide: (outcome: 'issued' | 'failed' | 'rejected', reason: string) => void;
  readonly revoke: (id: string) => void;
  readonly hideKeys: () => void;
  readonly failNext: (how: 'denied' | 'down') => void;
  /** How often the next kinds of call reached the authority. */
  readonly orders: () => number;
  readonly pass: (ms: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

export const WANTED: WantedCertificate = {
  name: 'web',
  project: 'main',
  profileId: '3d2a9c11-0000-4000-8000-000000000000',
  applicationId: undefined,
  commonName: 'web.example.com',
  altNames: [{ type: 'dns_name', value: 'web.example.com' }],
  ttlMs: 90 * 86_400_000,
  renewBeforeMs: 30 * 86_400_000,
  keyAlgorithm: undefined,
  signatureAlgorithm: undefined,
  keyUsages: [],
  extendedKeyUsages: [],
  removeRoots: false,
  output: { cert: '/tls/web.pem', key: '/tls/web.key', chain: '/tls/web-chain.pem', ca: undefined, mode: '0640' },
  hooks: [],
};

const NOBODY = '00000000-0000-4000-8000-000000000001';

export function certificateAuthorityContract(name: string, start: () => Promise<AuthorityUnderTest>): void {
  describe(`certificate authority: ${name}`, () => {
    let on: AuthorityUnderTest;
    const signal = (): AbortSignal => AbortSignal.timeout(7_000);
    const issue = (): Promise<OrderAnswer> => on.authority.issue(WANTED, signal());
    const renew = (id: string): ReturnType<CertificateAuthority['renew']> => on.authority.renew(WANTED, id, signal());
    const inspect = (id: string): ReturnType<CertificateAuthority['inspect']> =>
      on.authority.inspect('main', id, signal());
    const fetch = (id: string): ReturnType<CertificateAuthority['fetch']> => on.authority.fetch('main', id, signal());
    const request = (id: string): ReturnType<CertificateAuthority['request']> =>
      on.authority.request('main', id, signal());
    const issuedId = (answer: { readonly kind: string; readonly certificateId?: string }): string => {
      assert.equal(answer.kind, 'issued');
      return answer.certificateId ?? '';
    };
    const pendingId = (answer: { readonly kind: string; readonly requestId?: string }): string => {
      assert.equal(answer.kind, 'pending');
      return answer.requestId ?? '';
    };

    beforeEach(async () => {
      on = await start();
    });
    afterEach(() => on.stop());

    test('issues a certificate with its key, and hands both out again', async () => {
      const answer = await issue();
      assert.ok(answer.kind === 'issued' && answer.material.key);
      const again = await fetch(answer.certificateId);
      assert.equal(again?.certificate, answer.material.certificate);
      assert.equal(again.chain, answer.material.chain);
      assert.equal(again.key?.exposeText(), answer.material.key.exposeText());
      const record = await inspect(answer.certificateId);
      assert.equal(record?.active, true);
      assert.equal(record.renewedAs, undefined);
      assert.equal((record.notAfter ?? 0) - (record.notBefore ?? 0), WANTED.ttlMs);
    });

    test('renews under a new id, and says of the old one as what', async () => {
      const first = issuedId(await issue());
      const second = issuedId(await renew(first));
      assert.notEqual(second, first);
      assert.equal((await inspect(first))?.renewedAs, second);
      assert.equal((await inspect(second))?.renewedAs, undefined);
    });

    test('says that a certificate is gone for renewal when it was renewed, revoked, has ended or never was', async () => {
      const renewed = issuedId(await issue());
      await renew(renewed);
      assert.equal((await renew(renewed)).kind, 'gone');
      const revoked = issuedId(await issue());
      on.revoke(revoked);
      assert.equal((await renew(revoked)).kind, 'gone');
      assert.equal((await inspect(revoked))?.active, false);
      assert.equal((await renew(NOBODY)).kind, 'gone');
      const ended = issuedId(await issue());
      await on.pass(WANTED.ttlMs);
      assert.equal((await renew(ended)).kind, 'gone');
      assert.equal((await inspect(ended))?.active, false);
    });

    test('follows an order until it is issued', async () => {
      on.defer('pending_approval');
      const id = pendingId(await issue());
      assert.deepEqual(await request(id), { kind: 'pending', status: 'pending_approval' });
      on.decide('issued', '');
      const issued = await request(id);
      assert.ok((await fetch(issuedId(issued)))?.key);
    });

    test('follows a renewal until it is issued', async () => {
      const first = issuedId(await issue());
      on.defer('pending');
      const id = pendingId(await renew(first));
      assert.equal((await request(id)).kind, 'pending');
      on.decide('issued', '');
      const second = issuedId(await request(id));
      assert.equal((await inspect(first))?.renewedAs, second);
    });

    test('tells a failed and a rejected order with the reason', async () => {
      on.defer('pending');
      const first = pendingId(await issue());
      on.decide('failed', 'rate limit of the acme server');
      assert.deepEqual(await request(first), { kind: 'failed', reason: 'rate limit of the acme server' });
      const second = pendingId(await issue());
      on.decide('rejected', 'not this name');
      assert.deepEqual(await request(second), { kind: 'rejected', reason: 'not this name' });
    });

    test('takes a status that it does not know for one on the way', async () => {
      on.defer('brand_new_status');
      assert.deepEqual(await request(pendingId(await issue())), { kind: 'pending', status: 'brand_new_status' });
    });

    test('knows nothing of ids that were never given out', async () => {
      assert.equal(await inspect(NOBODY), undefined);
      assert.equal(await fetch(NOBODY), undefined);
      assert.deepEqual(await request(NOBODY), { kind: 'unknown' });
    });

    test('leaves the key out where it may not be read', async () => {
      on.hideKeys();
      const answer = await issue();
      assert.ok(answer.kind === 'issued');
      assert.equal(answer.material.key, undefined);
      assert.equal((await fetch(answer.certificateId))?.key, undefined);
    });

    test('says PROVIDER_DENIED, and asks once', async () => {
      on.failNext('denied');
      await assert.rejects(issue(), { code: 'PROVIDER_DENIED', retry: 'no' });
      assert.equal(on.orders(), 1);
    });

    test('says PROVIDER_DOWN, and neither orders nor renews a second time', async () => {
      on.failNext('down');
      await assert.rejects(issue(), { code: 'PROVIDER_DOWN', retry: 'later' });
      assert.equal(on.orders(), 1);
      const id = issuedId(await issue());
      on.failNext('down');
      await assert.rejects(renew(id), { code: 'PROVIDER_DOWN' });
      assert.equal(on.orders(), 3);
    });
  });
}
