import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { decodeBundle, encodeBundle, type CacheEntry } from '../../../src/cache/bundle.ts';
import { mappingKey } from '../../../src/core/mapping.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { cacheEntry, plain } from '../../contract/cache-file.contract.ts';

const name = fc
  .string({ minLength: 1, maxLength: 40, unit: 'binary' })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const entry: fc.Arbitrary<CacheEntry> = fc.record(
  {
    mapping: fc.record({ provider: name, project: name, path: name.map((text) => `/${text}`), key: name }),
    value: fc.uint8Array({ maxLength: 300 }).map((bytes) => new SecretValue(bytes)),
    fetchedAt: fc.maxSafeNat(),
    tick: fc.constant(undefined),
    version: fc.option(fc.integer({ min: 1, max: 0xffff_ffff }), { nil: undefined }),
    literal: fc.constant(true as const),
  },
  { requiredKeys: ['mapping', 'value', 'fetchedAt', 'tick', 'version'] },
);

const encode = (entries: readonly CacheEntry[]): Buffer => Buffer.concat([...encodeBundle(entries)]);

function decode(bytes: Uint8Array): { readonly entries: readonly CacheEntry[]; readonly whole: boolean } {
  const entries: CacheEntry[] = [];
  const decoding = decodeBundle(bytes);
  for (;;) {
    const next = decoding.next();
    if (next.done === true) return { entries, whole: next.value };
    entries.push(next.value);
  }
}

describe('cache bundle', () => {
  it('decodes to what was encoded, byte for byte and in order', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const decoded = decode(encode(entries));
        assert.equal(decoded.whole, true);
        assert.deepEqual(decoded.entries.map(plain), entries.map(plain));
      }),
    );
  });

  it('keeps values that are larger than a block, and many small ones', () => {
    const large = cacheEntry('LARGE', 'x'.repeat(511_999));
    const entries = [
      cacheEntry('A', 'a'),
      large,
      ...Array.from({ length: 3000 }, (_, at) => cacheEntry(`K${String(at)}`, 'v')),
    ];
    assert.deepEqual(decode(encode(entries)).entries.map(plain), entries.map(plain));
  });

  it('comes in blocks of which none is large unless a value is', () => {
    const entries = Array.from({ length: 5000 }, (_, at) => cacheEntry(`K${String(at)}`, 'v'.repeat(1000)));
    const sizes = [...encodeBundle(entries)].map((block) => block.length);
    assert.ok(sizes.length > 300 && Math.max(...sizes) <= 16_384, String(Math.max(...sizes)));
  });

  it('decodes nothing that is cut or longer', () => {
    const bytes = encode([cacheEntry('A', 'one'), cacheEntry('B', 'two')]);
    for (let length = 0; length < bytes.length; length += 1)
      assert.equal(decode(bytes.subarray(0, length)).whole, false);
    assert.equal(decode(Buffer.concat([bytes, Buffer.alloc(1)])).whole, false);
  });

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decode(bytes);
      }),
    );
  });

  it('refuses a mapping that is none', () => {
    const bytes = encode([cacheEntry('A', 'one')]);
    const text = bytes.toString('latin1').replace('"path":"/app"', '"path":"xapp"');
    assert.equal(decode(Buffer.from(text, 'latin1')).whole, false);
  });

  it('gives values that outlive the wiping of the bytes', () => {
    const bytes = encode([cacheEntry('A', 'one')]);
    const { entries } = decode(bytes);
    bytes.fill(0);
    assert.equal(entries[0]?.value.exposeText(), 'one');
  });

  it('has one key per place: no two places share one', () => {
    fc.assert(
      fc.property(entry, entry, (a, b) => {
        const same = (['provider', 'project', 'path', 'key'] as const).every(
          (field) => a.mapping[field] === b.mapping[field],
        );
        assert.equal(mappingKey(a.mapping) === mappingKey(b.mapping), same);
      }),
    );
  });
});
