import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeListing, valueOf } from '../../../../src/adapters/infisical/merge.ts';

const NOW = { fetchedAt: 1_000, tick: 1 };
const OPTIONS = { path: '/app', environment: 'prod', recursive: false, values: true };

test('hides a value by the flag, by the placeholder alone, and when there is none', () => {
  const hidden = [
    { secretKey: 'K', secretValue: 'x', secretValueHidden: true },
    { secretKey: 'K', secretValue: '<hidden-by-infisical>', secretValueHidden: false },
    { secretKey: 'K', secretValue: null },
    { secretKey: 'K' },
  ];
  for (const item of hidden) assert.equal(valueOf(item), undefined);
  assert.equal(valueOf({ secretKey: 'K', secretValue: '' })?.exposeText(), '');
});

test('takes the first of two items of one name within an import', async () => {
  const group = {
    secrets: [
      { secretKey: 'K', secretValue: 'direct' },
      { secretKey: 'K', secretValue: 'nested' },
    ],
  };
  const [secret] = await mergeListing({ secrets: [], imports: [group] }, OPTIONS, NOW);
  assert.equal(secret?.fetched?.value.exposeText(), 'direct');
});

test('looks every secret of a listing that is not recursive up where it was listed', async () => {
  const secrets = [{ secretKey: 'K', secretValue: 'v', secretPath: '/elsewhere' }];
  assert.deepEqual(
    (await mergeListing({ secrets }, OPTIONS, NOW)).map(({ path }) => path),
    ['/app'],
  );
});

const item = fc.record({
  secretKey: fc.constantFrom('A', 'B', 'C'),
  secretValue: fc.string(),
  secretPath: fc.constantFrom('/app', '/app/below', undefined),
  type: fc.constantFrom('shared', 'personal'),
});
const listing = fc.record({
  secrets: fc.array(item),
  imports: fc.option(fc.array(fc.record({ secrets: fc.array(item) })), { nil: undefined }),
});

test('has each shared (path, key) of the answer exactly once, whatever the answer', async () => {
  await fc.assert(
    fc.asyncProperty(listing, fc.boolean(), async ({ secrets, imports }, recursive) => {
      const merged = await mergeListing({ secrets, imports }, { ...OPTIONS, recursive }, NOW);
      const slots = merged.map(({ path, key }) => `${path} ${key}`);
      const shared = (items: typeof secrets) => items.filter(({ type }) => type === 'shared');
      const own = shared(secrets).map((one) => `${recursive ? (one.secretPath ?? '/app') : '/app'} ${one.secretKey}`);
      const imported = (imports ?? []).flatMap((group) => shared(group.secrets)).map((one) => `/app ${one.secretKey}`);
      assert.deepEqual(slots.toSorted(), [...new Set([...own, ...imported])].sort());
    }),
  );
});
