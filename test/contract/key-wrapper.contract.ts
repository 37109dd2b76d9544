// What every key wrapper does, whatever holds its key.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';

import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DATA_KEY_BYTES, type KeyFailure, type KeyWrapper } from '../../src/sealing/key-wrapper.ts';

export type KeyWrapperUnderTest = {
  readonly wrapper: KeyWrapper;
  /** Another wrapper of the same kind over a device that does not hold the key. */
  readonly stranger: KeyWrapper;
  /** Takes the device away (stops it, pulls it) ... */
  readonly detach: () => Promise<void>;
  /** ... and brings the same device back. */
  readonly attach: () => Promise<void>;
  readonly dispose: () => Promise<void>;
  /** Does wrap need the device? (An HSM's public key is enough.) */
  readonly wrapNeedsDevice: boolean;
};

export type Expected = { readonly code: 'KEY_UNAVAILABLE' | 'CACHE_CORRUPT'; readonly reason: readonly KeyFailure[] };

/** Asserts that a failure is one the port documents, and that a hint tells what to do about it. */
export async function rejectsWith(promise: Promise<unknown>, { code, reason }: Expected): Promise<PsiError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof PsiError, 'rejects with a PsiError');
  const seen = `${thrown.code} ${String(thrown.details['reason'])}: ${thrown.message}`;
  assert.equal(thrown.code, code, seen);
  assert.ok(
    reason.some((one) => one === thrown.details['reason']),
    seen,
  );
  assert.ok(thrown.hint, `says what to do: ${seen}`);
  return thrown;
}

const key = (): SecretValue => new SecretValue(randomBytes(DATA_KEY_BYTES));
const hex = (value: SecretValue): string => Buffer.from(value.expose()).toString('hex');

export function keyWrapperContract(name: string, make: () => Promise<KeyWrapperUnderTest>): void {
  describe(`${name} as a key wrapper`, async () => {
    const { wrapper, stranger, detach, attach, dispose, wrapNeedsDevice } = await make();
    after(dispose);

    it('gives back the key that it wrapped', async () => {
      const dataKey = key();
      assert.equal(hex(await wrapper.unwrap(await wrapper.wrap(dataKey))), hex(dataKey));
    });

    it('makes another blob each time, and the key is in none', async () => {
      const dataKey = key();
      const blobs = [await wrapper.wrap(dataKey), await wrapper.wrap(dataKey), await wrapper.wrap(dataKey)];
      assert.equal(new Set(blobs.map((blob) => Buffer.from(blob).toString('hex'))).size, blobs.length);
      const bare = Buffer.from(dataKey.expose());
      const forms = [bare, Buffer.from(bare).reverse(), bare.toString('hex'), bare.toString('base64')];
      for (const blob of blobs) {
        for (const form of forms) assert.equal(Buffer.from(blob).includes(form), false);
      }
    });

    it('wraps and unwraps eight keys at once', async () => {
      const keys = Array.from({ length: 8 }, key);
      const blobs = await Promise.all(keys.map((dataKey) => wrapper.wrap(dataKey)));
      const back = await Promise.all(blobs.map((blob) => wrapper.unwrap(blob)));
      assert.deepEqual(back.map(hex), keys.map(hex));
    });

    it('takes keys of 32 bytes only', async () => {
      for (const length of [0, 16, 31, 33, 4096]) {
        await assert.rejects(wrapper.wrap(new SecretValue(randomBytes(length))), { code: 'INTERNAL' });
      }
    });

    it('does not keep or change the bytes it is given', async () => {
      const bytes = randomBytes(DATA_KEY_BYTES);
      const copy = Buffer.from(bytes);
      const blob = await wrapper.wrap(new SecretValue(bytes));
      assert.deepEqual(bytes, copy);
      bytes.fill(0);
      const blobCopy = Uint8Array.from(blob);
      assert.equal(hex(await wrapper.unwrap(blob)), copy.toString('hex'));
      assert.deepEqual(Uint8Array.from(blob), blobCopy);
    });

    it('says that a truncated blob is damaged', async () => {
      const blob = await wrapper.wrap(key());
      for (const length of [0, 1, 4, 8, Math.floor(blob.length / 2), blob.length - 1]) {
        await rejectsWith(wrapper.unwrap(blob.subarray(0, length)), {
          code: 'CACHE_CORRUPT',
          reason: ['damaged', 'version'],
        });
      }
    });

    it('says that a blob with bytes behind it is damaged', async () => {
      const blob = await wrapper.wrap(key());
      for (const tail of [1, 5, 300]) {
        const longer = Buffer.concat([blob, Buffer.alloc(tail)]);
        await rejectsWith(wrapper.unwrap(longer), { code: 'CACHE_CORRUPT', reason: ['damaged'] });
      }
    });

    it('never opens a blob of which one bit is flipped', async () => {
      const blob = await wrapper.wrap(key());
      // Every byte of the front, where the fields are; samples of the rest, because a device may take its time.
      const step = Math.max(1, Math.floor(blob.length / 40));
      for (let at = 0; at < blob.length; at += at < 64 ? 1 : step) {
        const flipped = Uint8Array.from(blob);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        await rejectsWith(wrapper.unwrap(flipped), { code: 'CACHE_CORRUPT', reason: ['damaged', 'version'] });
      }
    });

    it('says that a blob belongs to another device', async () => {
      const blob = await wrapper.wrap(key());
      const refused = await rejectsWith(stranger.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['other-device'] });
      assert.equal(refused.retry, 'no');
    });

    it('describes a device that is fit for use', async () => {
      const status = await wrapper.describe();
      assert.equal(status.problem, undefined);
      assert.notEqual(status.device, '');
    });

    it('says when the device is away, and works again when it is back', async () => {
      const dataKey = key();
      const blob = await wrapper.wrap(dataKey);
      await detach();
      const away = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.equal(away.retry, 'later');
      if (wrapNeedsDevice) await rejectsWith(wrapper.wrap(key()), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.equal((await wrapper.describe()).problem?.details['reason'], 'absent');
      await attach();
      assert.equal(hex(await wrapper.unwrap(blob)), hex(dataKey));
      assert.equal((await wrapper.describe()).problem, undefined);
    });

    // Last: a closed wrapper stays closed.
    it('takes no calls after it is closed, and may be closed twice', async () => {
      const blob = await wrapper.wrap(key());
      await wrapper.close();
      await wrapper.close();
      await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      await rejectsWith(wrapper.wrap(key()), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
    });
  });
}
