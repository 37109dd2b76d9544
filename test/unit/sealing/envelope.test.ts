// The envelope for whatever is sealed: what is encoded is what comes out of it, and no bytes make it throw.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { encodeHeader, envelopeLength, MAC_BYTES, splitEnvelope, TAG_BYTES } from '../../../src/sealing/envelope.ts';
import { BACKENDS } from '../../../src/sealing/key-wrapper.ts';
import { MOST_STANZAS, type Stanza } from '../../../src/sealing/stanzas.ts';

const MAGIC = new TextEncoder().encode('TEST');
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const wrappedKey = fc.uint8Array({ maxLength: 300 });
const parameters = fc.string({
  minLength: 1,
  maxLength: 255,
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
});
const stanza: fc.Arbitrary<Stanza> = fc.oneof(
  fc.record({ kind: fc.constantFrom(...BACKENDS), parameters: fc.constant(''), wrappedKey }),
  fc.record({ kind: fc.constant('recovery' as const), parameters, wrappedKey }),
);
const fields = fc.record({
  fileId: bytes(16),
  nonce: bytes(12),
  writtenAt: fc.maxSafeNat(),
  stanzas: fc.array(stanza, { minLength: 1, maxLength: MOST_STANZAS }),
  contentLength: fc.nat(200),
});

/** The header of these fields, and something of the right length behind it. */
function fileOf(header: Uint8Array, fileId: Uint8Array, contentLength: number): Buffer {
  const file = Buffer.alloc(envelopeLength(header.length, contentLength), 7);
  file.set(header);
  file.set(fileId, header.length + MAC_BYTES);
  return file;
}

test('gives back the fields that it was made of', () => {
  fc.assert(
    fc.property(fields, (given) => {
      const header = encodeHeader(MAGIC, given);
      const file = fileOf(header, given.fileId, given.contentLength);
      const split = splitEnvelope(file);
      assert.ok(typeof split !== 'string');
      assert.deepEqual(
        { ...split, fileId: [...split.fileId], nonce: [...split.nonce] },
        { ...split, ...given, fileId: [...given.fileId], nonce: [...given.nonce], stanzas: split.stanzas },
      );
      assert.deepEqual(
        split.stanzas.map((one) => ({ ...one, wrappedKey: [...one.wrappedKey] })),
        given.stanzas.map((one) => ({ ...one, wrappedKey: [...one.wrappedKey] })),
      );
      assert.deepEqual([split.content.length, split.contentTag.length], [given.contentLength, TAG_BYTES]);
      assert.deepEqual([...split.header], [...header]);
    }),
  );
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
      assert.equal(typeof splitEnvelope(noise), 'string');
    }),
  );
  fc.assert(
    fc.property(
      fields,
      fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { maxLength: 6 }),
      (given, changes) => {
        const file = fileOf(encodeHeader(MAGIC, given), given.fileId, given.contentLength);
        for (const [at, change] of changes) if (at < file.length) file[at] = (file[at] ?? 0) ^ change;
        splitEnvelope(file);
      },
    ),
  );
});

test('what does not fit is refused when it is written, not when it is needed', () => {
  const one: Stanza = { kind: 'tpm', parameters: '', wrappedKey: new Uint8Array(10) };
  const header = (stanzas: readonly Stanza[]): Uint8Array =>
    encodeHeader(MAGIC, {
      fileId: new Uint8Array(16),
      nonce: new Uint8Array(12),
      writtenAt: 1,
      contentLength: 0,
      stanzas,
    });
  assert.throws(() => header([]), RangeError);
  assert.throws(() => header(Array.from({ length: MOST_STANZAS + 1 }, () => one)), RangeError);
  assert.throws(() => header([{ ...one, wrappedKey: new Uint8Array(17_000) }]), RangeError);
  assert.throws(
    () => header(Array.from({ length: 5 }, () => ({ ...one, wrappedKey: new Uint8Array(16_000) }))),
    RangeError,
  );
  assert.throws(
    () => header([{ kind: 'recovery', parameters: 'x'.repeat(256), wrappedKey: one.wrappedKey }]),
    RangeError,
  );
});
