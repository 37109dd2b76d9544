// The bytes of a blob, without a TPM.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeBlob, TpmError } from 'node-tpm2-tss';
import { decodeBlob, encodeBlob } from '../lib/blob.js';

const BYTES = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

const part = fc.uint8Array({ maxLength: 300 });
const blobs = fc.constantFrom('sha1', 'sha256', 'sha384', 'sha512').chain((bank) =>
  fc.record({
    needsAuth: fc.boolean(),
    bank: fc.constant(bank),
    values: fc
      .uniqueArray(fc.tuple(fc.nat({ max: 23 }), fc.uint8Array({ minLength: BYTES[bank], maxLength: BYTES[bank] })), {
        selector: ([pcr]) => pcr,
        maxLength: 24,
      })
      .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b))),
    storageKeyName: part,
    publicPart: part,
    privatePart: part,
  }),
);

const plain = (value: object): unknown =>
  Object.fromEntries(
    Object.entries(value).map(([key, entry]: [string, unknown]) => [
      key,
      entry instanceof Uint8Array
        ? Buffer.from(entry).toString('hex')
        : entry instanceof Map
          ? [...(entry as Map<number, Uint8Array>)].map(([pcr, bytes]) => [pcr, Buffer.from(bytes).toString('hex')])
          : entry,
    ]),
  );

function refuses(bytes: Uint8Array): void {
  assert.throws(
    () => decodeBlob(bytes),
    (thrown) => thrown instanceof TpmError && (thrown.kind === 'damaged' || thrown.kind === 'version'),
  );
}

test('a blob is read as it was written', () => {
  fc.assert(
    fc.property(blobs, (blob) => {
      const expected = blob.values.size === 0 ? { ...blob, bank: 'sha256' } : blob;
      assert.deepEqual(plain(decodeBlob(encodeBlob(blob))), plain(expected));
    }),
  );
});

test('a blob cut anywhere is refused', () => {
  fc.assert(
    fc.property(blobs, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (blob, where) => {
      const bytes = encodeBlob(blob);
      refuses(bytes.subarray(0, Math.floor(bytes.length * where)));
    }),
  );
});

test('a blob with one bit flipped is refused', () => {
  fc.assert(
    fc.property(blobs, fc.nat(), (blob, where) => {
      const bytes = Uint8Array.from(encodeBlob(blob));
      const bit = where % (bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      refuses(bytes);
    }),
  );
});

test('bytes that are no blob are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      refuses(bytes);
    }),
  );
});

test('another version is named, whatever stands behind it', () => {
  for (const version of [0, 2, 255]) {
    const bytes = Buffer.concat([Buffer.from('TSSB'), Uint8Array.of(version), Buffer.alloc(3)]);
    assert.throws(
      () => decodeBlob(bytes),
      (thrown) => thrown instanceof TpmError && thrown.kind === 'version' && thrown.message.includes(String(version)),
    );
  }
});

// Written by hand from the layout in README.md: a change of the format has to be a new version.
test('the layout of version 1 stays as it is', () => {
  const vector =
    '54535342' +
    '01' +
    '01' +
    '000b' +
    '800000' +
    'aa'.repeat(32) +
    '0002000b' +
    '0003010203' +
    '00020405' +
    'c53b54ba2aa5c726cfbbf940b0acfb01';
  const blob = {
    needsAuth: true,
    bank: 'sha256' as const,
    values: new Map([[7, Buffer.alloc(32, 0xaa)]]),
    storageKeyName: Uint8Array.of(0, 11),
    publicPart: Uint8Array.of(1, 2, 3),
    privatePart: Uint8Array.of(4, 5),
  };
  assert.equal(Buffer.from(encodeBlob(blob)).toString('hex'), vector);
  assert.deepEqual([...describeBlob(Buffer.from(vector, 'hex')).pcrs.keys()], [7]);
});
