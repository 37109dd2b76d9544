import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeListing } from '../../../../src/adapters/infisical/codec.ts';
import { slicesOf } from '../../../../src/adapters/infisical/slices.ts';

/** The elements, and what is left; undefined: the list has no end. */
function taken(text: string): { readonly elements: readonly string[]; readonly rest: string | undefined } {
  const elements: string[] = [];
  const slices = slicesOf(text, 'secrets');
  for (let next = slices.next(); ; next = slices.next()) {
    if (next.done) return { elements, rest: next.value };
    elements.push(next.value);
  }
}

test('the elements of the first list and the rest are together what the text was, however it is written', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.jsonValue(), fc.nat({ max: 3 }), (secrets, imports, indent) => {
      const { elements, rest } = taken(JSON.stringify({ secrets, imports }, undefined, indent));
      assert.deepEqual(
        elements.map((element) => JSON.parse(element) as unknown),
        JSON.parse(JSON.stringify(secrets)),
      );
      assert.deepEqual(JSON.parse(rest ?? ''), JSON.parse(JSON.stringify({ secrets: [], imports })));
    }),
  );
});

test('brackets, quotes and backslashes in strings end nothing', () => {
  const secrets = ['\\', '"', '\\"', ']},{[', '\\\\', 'a\\\\"]'];
  const { elements } = taken(JSON.stringify({ secrets }));
  assert.deepEqual(
    elements.map((element) => JSON.parse(element) as unknown),
    secrets,
  );
});

test('a text that does not begin with the list is left whole, and one that ends in the middle is nothing', () => {
  for (const text of ['', '<html>', '{"imports":[],"secrets":[1]}', '[1]', 'null']) {
    assert.deepEqual(taken(text), { elements: [], rest: text });
  }
  for (const text of ['{"secrets":[', '{"secrets":[{"a":1}', '{"secrets":["a', '{"secrets":[{"a":"\\"}']) {
    assert.equal(taken(text).rest, undefined, text);
  }
});

const long = (more: string): string =>
  JSON.stringify({ secrets: [{ secretKey: 'A', secretValue: 'x'.repeat(2 << 20) }] }) + more;

test('a long listing is decoded as a short one is, and what is none is refused as a whole', async () => {
  const item = { secretKey: 'A', secretValue: 'x'.repeat(400), version: 1 };
  const listing = { secrets: Array.from({ length: 10_000 }, () => item), imports: [{ secrets: [item] }] };
  assert.deepEqual(await decodeListing(JSON.stringify(listing)), listing);
  assert.equal(await decodeListing(JSON.stringify({ ...listing, secrets: [...listing.secrets, {}] })), undefined);
  assert.equal(await decodeListing(JSON.stringify({ ...listing, imports: 'none' })), undefined);
  assert.equal(await decodeListing(JSON.stringify(listing).slice(0, -1)), undefined);
  assert.equal((await decodeListing(long('')))?.secrets.length, 1);
  assert.equal(await decodeListing(long('}')), undefined);
  assert.equal(await decodeListing(long('').replace('}]}', '},]}')), undefined);
});

test('no slice of 100,000 keys keeps the others waiting', async () => {
  const item = { secretKey: 'A', secretValue: 'x', secretPath: '/app', metadata: 'm'.repeat(200) };
  const text = JSON.stringify({ secrets: Array.from({ length: 100_000 }, () => item) });
  let turns = 0;
  const decoding = { ended: false };
  const decoded = decodeListing(text).finally(() => {
    decoding.ended = true;
  });
  while (!decoding.ended) {
    await new Promise(setImmediate);
    turns += 1;
  }
  assert.equal((await decoded)?.secrets.length, 100_000);
  // One for each quarter of a megabyte.
  assert.ok(turns > 50, String(turns));
});
