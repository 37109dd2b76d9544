// When a certificate is due, and what a run does for it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { askedText, NO_STATE, type CertificateState } from '../../../src/certificates/certificate.ts';
import { planCertificate, renewalDue, spreadOf, type PlanInput } from '../../../src/certificates/plan.ts';
import { WANTED } from '../../contract/certificate-authority.contract.ts';

const DAY = 86_400_000;
const leaf = (days: number): { notBefore: number; notAfter: number } => ({ notBefore: 0, notAfter: days * DAY });

describe('a renewal is due', () => {
  test('as long before the end as the config says', () => {
    assert.equal(renewalDue(leaf(90), WANTED, 0), 60 * DAY);
  });

  test('in the same part of a life that the authority has shortened', () => {
    assert.equal(renewalDue(leaf(3), WANTED, 0), 2 * DAY);
  });

  test('earlier by up to a tenth of that time, host by host', () => {
    assert.equal(renewalDue(leaf(90), WANTED, 1), 57 * DAY);
  });

  test('never at the moment of issue, and never after the end', () => {
    const days = fc.double({ min: 0.01, max: 400, noNaN: true });
    const property = fc.property(
      ...([
        days,
        days,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ] as const),
      (real, asked, part, fraction) => {
        const due = renewalDue(leaf(real), { ttlMs: asked * DAY, renewBeforeMs: asked * part * DAY }, fraction);
        return due > 0 && due < real * DAY;
      },
    );
    fc.assert(property);
  });

  test('no earlier than after a third of its life, whatever the config says', () => {
    for (const part of [0.9, 1, 3]) {
      const wish = { ttlMs: 90 * DAY, renewBeforeMs: 90 * part * DAY };
      assert.equal(renewalDue(leaf(90), wish, 0), 30 * DAY);
      assert.equal(renewalDue(leaf(30), wish, 0), 10 * DAY);
    }
  });

  test('not at once where the authority set the beginning back', () => {
    const due = renewalDue({ ...leaf(3), obtainedAt: 2 * DAY }, { ttlMs: 3 * DAY, renewBeforeMs: 2 * DAY }, 0);
    assert.ok(Math.abs(due - (2 + 1 / 3) * DAY) < 2, String(due / DAY));
  });

  test('in a part of the spread that follows from the digest', () => {
    assert.equal(spreadOf('00000000ab'), 0);
    assert.equal(spreadOf('80000000ab'), 0.5);
    assert.ok(spreadOf('ffffffff') < 1);
  });
});

describe('what is asked for', () => {
  test('differs with each wish that the authority is told, and not with the order of names', () => {
    const texts = [
      WANTED,
      { ...WANTED, commonName: 'other' },
      { ...WANTED, altNames: [] },
      { ...WANTED, ttlMs: DAY },
      { ...WANTED, keyAlgorithm: 'RSA_4096' },
      { ...WANTED, signatureAlgorithm: 'RSA-SHA512' },
      { ...WANTED, keyUsages: ['digital_signature'] },
      { ...WANTED, extendedKeyUsages: ['digital_signature'] },
      { ...WANTED, removeRoots: true },
      { ...WANTED, profileId: 'p' },
      { ...WANTED, applicationId: 'a' },
    ].map(askedText);
    assert.equal(new Set(texts).size, texts.length);
    const names = [
      { type: 'dns_name', value: 'a' },
      { type: 'dns_name', value: 'b' },
    ];
    assert.equal(askedText({ ...WANTED, altNames: names }), askedText({ ...WANTED, altNames: [...names].reverse() }));
    assert.equal(askedText({ ...WANTED, renewBeforeMs: 1, hooks: [['a']] }), askedText(WANTED));
  });
});

describe('the plan for a certificate', () => {
  const certificate = { id: 'id-1', serial: 'A1', ...leaf(90) };
  const state: CertificateState = { ...NO_STATE, asked: 'now', certificate };
  const request = { asked: 'now', since: 0, status: 'pending', requestId: 'r-1', certificateId: undefined };
  const input: PlanInput = {
    ...{ mode: 'renew', force: false, asked: 'now', state, onDisk: certificate, now: DAY, dueAt: 60 * DAY },
  };
  const cases: readonly (readonly [string, Partial<PlanInput>, object])[] = [
    ['keeps what is in order', {}, { act: 'keep' }],
    ['renews what is due', { now: 60 * DAY }, { act: 'renew', id: 'id-1' }],
    ['renews when forced', { force: true }, { act: 'renew', id: 'id-1' }],
    ['issues anew what has expired', { now: 90 * DAY }, { act: 'issue', why: 'expired' }],
    ['issues anew what the config changed', { asked: 'other' }, { act: 'issue', why: 'changed' }],
    ['issues what never was', { state: NO_STATE, onDisk: undefined }, { act: 'issue', why: 'new' }],
    ['brings back files that are gone', { onDisk: undefined }, { act: 'fetch', id: 'id-1' }],
    [
      'brings back files that somebody replaced',
      { onDisk: { ...certificate, serial: 'B2' } },
      { act: 'fetch', id: 'id-1' },
    ],
    ['goes on with an order', { state: { ...state, request } }, { act: 'poll', request, requestId: 'r-1' }],
    [
      'goes on with an order, forced or not',
      { state: { ...state, request }, force: true },
      { act: 'poll', request, requestId: 'r-1' },
    ],
    [
      'drops an order for what is not wanted any more',
      { state: { ...state, request: { ...request, asked: 'before' } } },
      { act: 'keep' },
    ],
    [
      'fetches what was issued when the run was killed',
      { state: { ...state, request: { ...request, certificateId: 'id-2' } } },
      { act: 'fetch', id: 'id-2' },
    ],
    [
      'leaves a rejected order',
      { state: { ...state, request: { ...request, status: 'rejected' } } },
      { act: 'rejected' },
    ],
    [
      'asks again for a rejected one when forced',
      { state: { ...NO_STATE, request: { ...request, status: 'rejected' } }, force: true },
      { act: 'issue', why: 'new' },
    ],
    ['to issue keeps what is there, due or not', { mode: 'issue', now: 80 * DAY }, { act: 'keep' }],
    ['to issue orders anew when forced', { mode: 'issue', force: true }, { act: 'issue', why: 'forced' }],
    ['of the Python PSI is not taken for changed', { state: { ...state, asked: undefined } }, { act: 'keep' }],
  ];
  for (const [what, change, expected] of cases) {
    test(what, () => {
      assert.deepEqual(planCertificate({ ...input, ...change }), expected);
    });
  }
});
