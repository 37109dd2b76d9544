import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { projectTools } from '../../../src/transfer/project-tools.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeProvider } from '../../fakes/provider.fake.ts';

const FILES = {
  ownerOf: () => Promise.resolve({ uid: -1, gid: -1 }),
  write: () => Promise.resolve(),
};

function stage() {
  const provider = new FakeProvider();
  provider.source.set('main', '/app', 'A', 'value');
  const clock = new FakeClock();
  return { provider, clock, tools: projectTools('main', { provider, clock, files: FILES }) };
}

test('a listing that does not come ends after 30 s, with the words of the provider', async () => {
  const { provider, clock, tools } = stage();
  provider.source.hold();
  const listing = assert.rejects(tools.list('/app'), {
    code: 'DEADLINE',
    hint: 'look at the load and the log of the vault server',
  });
  await clock.advance(30_000);
  await listing;
});

test('lists, imports and closes through the one provider', async () => {
  const { provider, tools } = stage();
  assert.deepEqual(
    (await tools.list('/app')).map(({ key, value }) => [key, value?.exposeText()]),
    [['A', 'value']],
  );
  const found = { entries: [{ key: 'B', value: SecretValue.fromText('b'), from: 'here' }], refused: [] };
  const request = { path: '/app', conflict: 'fail', dryRun: false, found } as const;
  assert.equal((await tools.importSecrets(request, () => undefined)).exit, 0);
  assert.equal((await tools.list('/app')).length, 2);
  tools.close();
  assert.ok(provider.closed);
});
