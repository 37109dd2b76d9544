// Sealing and unsealing on a software TPM without a resource manager: what opens, what does not, and what the error says.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { describeBlob, info, pcrRead, seal, unseal } from 'node-tpm2-tss';
import { decodeBlob, encodeBlob } from '../lib/blob.js';
import { rejectsAs } from './expect.ts';
import { SoftTpm } from './swtpm.ts';

const secret = (): Buffer => randomBytes(32);
const AUTH = Buffer.from('a value of high entropy');

describe('sealing', () => {
  let tpm: SoftTpm;
  let tcti: string;

  before(async () => {
    tpm = await SoftTpm.start();
    tcti = tpm.tcti;
  });
  after(() => tpm.dispose());
  // After each test, the failing calls included: there is room for three objects and three sessions, and nothing clears up behind us.
  afterEach(async () => {
    assert.equal(await tpm.leftovers(), '', 'no object and no session is left in the TPM');
  });

  for (const [what, options] of [
    ['nothing', {}],
    ['a PCR', { pcrs: [7] }],
    ['an auth value', { auth: AUTH }],
    ['PCRs and an auth value', { pcrs: [7, 0], auth: AUTH }],
    ['more PCRs than fit in one answer, given in any order', { pcrs: [23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] }],
    ['another bank', { pcrs: [7, 23], bank: 'sha384' }],
    ['the oldest bank', { pcrs: [0], bank: 'sha1' }],
  ] as const) {
    it(`gives the secret back when bound to ${what}`, async () => {
      const value = secret();
      const blob = await seal(value, { tcti, ...options });
      assert.deepEqual(await unseal(blob, { tcti, ...options }), value);
    });
  }

  it('takes secrets of 1 to 128 bytes', async () => {
    for (const length of [1, 2, 64, 128]) {
      const value = randomBytes(length);
      assert.deepEqual(await unseal(await seal(value, { tcti }), { tcti }), value);
    }
    for (const length of [0, 129]) await assert.rejects(seal(Buffer.alloc(length), { tcti }), RangeError);
  });

  it('takes auth values of any length, zeros at their end included', async () => {
    for (const auth of [Buffer.alloc(1), Buffer.alloc(32), randomBytes(500)]) {
      const blob = await seal(secret(), { tcti, auth });
      await unseal(blob, { tcti, auth });
      await rejectsAs('auth', unseal(blob, { tcti, auth: Buffer.concat([auth, Buffer.alloc(1)]) }));
    }
  });

  it('refuses arguments that make no sense', async () => {
    const blob = await seal(secret(), { tcti });
    await assert.rejects(seal(secret(), { tcti, pcrs: [24] }), RangeError);
    await assert.rejects(seal(secret(), { tcti, pcrs: [-1] }), RangeError);
    await assert.rejects(seal(secret(), { tcti, auth: Buffer.alloc(0) }), RangeError);
    await assert.rejects(seal(secret(), { tcti, deadlineMs: 2 ** 31 }), RangeError);
    // @ts-expect-error: what an untyped caller may pass
    await assert.rejects(seal(secret(), { tcti, bank: 'md5' }), TypeError);
    // @ts-expect-error: what an untyped caller may pass
    await assert.rejects(seal('text', { tcti }), TypeError);
    // An empty TCTI would be guessed, a path would load a library, a NUL would hide the rest.
    for (const bad of ['', '/tmp/evil.so', 'swtpm:path=/x\0y', ':x']) {
      await assert.rejects(unseal(blob, { tcti: bad }), TypeError);
    }
  });

  it('copies the secret at once, so that the caller may wipe its own', async () => {
    const value = secret();
    const copy = Buffer.from(value);
    const sealing = seal(value, { tcti });
    value.fill(0);
    assert.deepEqual(await unseal(await sealing, { tcti }), copy);
  });

  it('writes down the selection and the values of sealing time', async () => {
    const read = await pcrRead([7, 10], { tcti });
    const { pcrs, bank, needsAuth, storageKeyName } = describeBlob(await seal(secret(), { tcti, pcrs: [10, 7] }));
    assert.deepEqual([...pcrs.keys()], [7, 10]);
    assert.deepEqual(Buffer.from(pcrs.get(7) ?? []), Buffer.from(read.get(7) ?? []));
    assert.equal(bank, 'sha256');
    assert.equal(needsAuth, false);
    assert.equal(storageKeyName.length, 34);
  });

  it('names the PCR that moved, and only that', async () => {
    const blob = await seal(secret(), { tcti, pcrs: [11, 12, 13] });
    await tpm.extend(12);
    const error = await rejectsAs('policy', unseal(blob, { tcti }));
    assert.deepEqual(error.pcrs, [12]);
    assert.equal(error.message, 'PCR 12 (sha256) changed since sealing');
    assert.equal(error.code, 0x99d);
    assert.equal(error.step, 'Unseal');
    assert.match(String(error.decoded), /policy check failed/);
    assert.equal(error.layer, 'tpm');
  });

  it('does not mind a PCR that is not selected', async () => {
    const blob = await seal(secret(), { tcti, pcrs: [7] });
    await tpm.extend(14);
    await unseal(blob, { tcti });
  });

  it('opens again when a PCR that can be reset is back', async () => {
    const value = secret();
    const blob = await seal(value, { tcti, pcrs: [23] });
    await tpm.extend(23);
    assert.deepEqual((await rejectsAs('policy', unseal(blob, { tcti }))).pcrs, [23]);
    await tpm.tool('pcrreset', '23');
    assert.deepEqual(await unseal(blob, { tcti }), value);
  });

  it('refuses a wrong auth value without touching the lockout counter', async () => {
    const blob = await seal(secret(), { tcti, auth: AUTH });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const error = await rejectsAs('auth', unseal(blob, { tcti, auth: Buffer.from('wrong') }));
      assert.equal(error.retryable, false);
    }
    assert.deepEqual((await info({ tcti })).lockout, {
      active: false,
      failures: 0,
      maxFailures: 3,
      recoverySeconds: 1000,
    });
    await unseal(blob, { tcti, auth: AUTH });
  });

  it('says that an auth value is missing without asking the TPM', async () => {
    const blob = await seal(secret(), { tcti, auth: AUTH });
    assert.match(
      (await rejectsAs('auth', unseal(blob, { tcti: 'swtpm:path=/nowhere' }))).message,
      /needs an auth value/,
    );
  });

  it('does not use an auth value that the blob does not ask for', async () => {
    await unseal(await seal(secret(), { tcti }), { tcti, auth: AUTH });
  });

  it('cannot be opened by its auth value round the PCR policy', async () => {
    const blob = decodeBlob(await seal(secret(), { tcti, pcrs: [15], auth: AUTH }));
    // The same object under a policy that leaves the PCR out.
    const bare = encodeBlob({ ...blob, values: new Map() });
    await rejectsAs('policy', unseal(bare, { tcti, auth: AUTH }));
  });

  it('opens eight at once', async () => {
    const values = Array.from({ length: 8 }, secret);
    const blobs = await Promise.all(values.map((value) => seal(value, { tcti, pcrs: [7] })));
    assert.deepEqual(await Promise.all(blobs.map((blob) => unseal(blob, { tcti }))), values);
  });

  it('seals and opens many times', async () => {
    for (let round = 0; round < 20; round += 1) await unseal(await seal(secret(), { tcti }), { tcti });
  });

  describe('a damaged blob', () => {
    const TRAIL = Buffer.alloc(5);
    for (const [what, change] of [
      ['bytes behind its public part', (b) => ({ ...b, publicPart: Buffer.concat([b.publicPart, TRAIL]) })],
      ['bytes behind its private part', (b) => ({ ...b, privatePart: Buffer.concat([b.privatePart, TRAIL]) })],
      ['a public part cut short', (b) => ({ ...b, publicPart: b.publicPart.subarray(0, -1) })],
      ['a private part cut short', (b) => ({ ...b, privatePart: b.privatePart.subarray(0, -1) })],
      ['no public part', (b) => ({ ...b, publicPart: Buffer.alloc(0) })],
      ['no private part', (b) => ({ ...b, privatePart: Buffer.alloc(0) })],
      ['one bit of its private part flipped', (b) => ({ ...b, privatePart: flip(b.privatePart, 60) })],
      ['another policy in its public part', (b) => ({ ...b, publicPart: flip(b.publicPart, 15) })],
      ['a private part longer than any', (b) => ({ ...b, privatePart: Buffer.alloc(5000, 0xff) })],
    ] as readonly (readonly [string, (blob: ReturnType<typeof decodeBlob>) => ReturnType<typeof decodeBlob>])[]) {
      it(`with ${what} is refused, its checksum being right`, async () => {
        const blob = decodeBlob(await seal(secret(), { tcti }));
        await rejectsAs('damaged', unseal(encodeBlob(change(blob)), { tcti }));
      });
    }
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}
