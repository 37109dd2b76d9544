import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeListing, decodeRefusal, decodeSecret } from '../../../../src/adapters/podman/codec.ts';

const wire = (id: string, name: string, updated: string, options: unknown = null): unknown => ({
  ID: id,
  CreatedAt: '2026-01-01T00:00:00Z',
  UpdatedAt: updated,
  Spec: { Name: name, Driver: { Name: 'file', Options: options }, Labels: null },
  SecretData: '',
});

test('reads an empty list as Go spells it, too', () => {
  assert.deepEqual(decodeListing('[]\n'), []);
  assert.deepEqual(decodeListing('null'), []);
});

test('reads missing options as none', () => {
  const expected = { id: 'a', name: 'n', driver: 'file', options: {} };
  assert.deepEqual(decodeSecret(JSON.stringify(wire('a', 'n', '2026-01-01T00:00:00Z'))), expected);
  assert.deepEqual(decodeSecret(JSON.stringify(wire('a', 'n', '2026-01-01T00:00:00Z', undefined))), expected);
});

test('keeps the newest of one name wherever it stands, with any time zone and number of decimals', () => {
  const secrets = [
    wire('old', 'n', '2026-01-01T10:00:00.123456789Z'),
    wire('new', 'n', '2026-01-01T11:30:00.1+01:00'),
    wire('older', 'n', '2026-01-01T10:00:00Z'),
  ];
  for (const order of [secrets, secrets.toReversed()]) {
    assert.deepEqual(
      decodeListing(JSON.stringify(order))?.map((secret) => secret.id),
      ['new'],
    );
  }
});

test('answers nothing for what is no such answer, and never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify([value])),
      ),
      (text) => {
        const listing = decodeListing(text);
        assert.ok(listing === undefined || Array.isArray(listing));
        decodeSecret(text);
        decodeRefusal(text);
      },
    ),
  );
  assert.equal(decodeListing('[{"ID":"a"}]'), undefined);
  assert.equal(decodeListing('<html>'), undefined);
});
