import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { inByteOrder, sameBytes } from '../../../src/core/bytes.ts';

test('bytes are the same as node says they are', () => {
  const some = fc.uint8Array({ maxLength: 4, max: 2 });
  fc.assert(
    fc.property(some, some, (a, b) => {
      assert.equal(sameBytes(a, b), Buffer.from(a).equals(b));
      assert.equal(sameBytes(a, Uint8Array.from(a)), true);
    }),
    { numRuns: 2_000 },
  );
});

test('texts are in the order of their bytes', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      assert.equal(Math.sign(inByteOrder(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 2_000 },
  );
});
