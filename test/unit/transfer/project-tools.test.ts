import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { Waiting } from '../../../src/transfer/patience.ts';
import { projectTools } from '../../../src/transfer/project-tools.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeProvider } from '../../fakes/provider.fake.ts';

const FILES = {
  ownerOf: () => Promise.resolve({ uid: -1, gid: -1 }),
  write: () => Promise.resolve(),
};

const NOBODY_WAITS = {
  onWait: (): void => assert.fail('no limit is met here'),
};

function stage(environment: string | undefined = 'prod') {
  const provider = new FakeProvider();
  provider.source.set('main', '/app', 'A', 'value');
  const clock = new FakeClock();
  const written: string[] = [];
  const files = {
    ...FILES,
    write: (path: string) => {
      written.push(path);
      return Promise.resolve();
    },
  };
  return { provider, clock, written, tools: projectTools('main', { provider, environment, clock, files }) };
}

const LIMITED = new PsiError('THROTTLED', 'the vault limits requests', { retryAfterMs: 20_000 });

test('a listing that does not come ends after 30 s, with the words of the provider', async () => {
  const { provider, clock, tools } = stage();
  provider.source.hold();
  const reading = assert.rejects(tools.read('/app', NOBODY_WAITS), {
    code: 'DEADLINE',
    hint: 'look at the load and the log of the vault server',
  });
  await clock.advance(30_000);
  await reading;
});

test('reads, imports and closes through the one provider', async () => {
  const { provider, tools } = stage();
  const [first] = await tools.read('/app', NOBODY_WAITS);
  assert.deepEqual(
    [first?.key, first?.reading.kind === 'value' && first.reading.fetched.value.exposeText()],
    ['A', 'value'],
  );
  const found = { entries: [{ key: 'B', value: SecretValue.fromText('b'), from: 'here' }], refused: [] };
  const request = { path: '/app', conflict: 'fail', dryRun: false, found } as const;
  assert.equal((await tools.importSecrets(request, () => undefined)).exit, 0);
  assert.equal((await tools.read('/app', NOBODY_WAITS)).length, 2);
  tools.close();
  assert.ok(provider.closed);
});

test('a limit is waited out, and whoever waits is told', async () => {
  const { provider, clock, written, tools } = stage();
  const waits: Waiting[] = [];
  const onWait = (wait: Waiting): void => {
    waits.push(wait);
  };
  const WAIT = { event: 'waiting', message: 'the vault limits requests', waitMs: 20_000 } as const;

  provider.source.failNext(LIMITED);
  const reading = tools.read('/app', { onWait });
  await clock.advance(20_000);
  assert.equal((await reading).length, 1);
  assert.deepEqual(waits, [WAIT]);

  provider.source.failNext(LIMITED, LIMITED);
  const request = { name: 'A', path: '/app', out: '/run/a', mode: 0o600, owner: undefined, base64: false };
  const writing = tools.writeFile(request, onWait);
  await clock.advance(40_000);
  assert.deepEqual(await writing, { path: '/run/a', bytes: 5, literal: false });
  assert.deepEqual([waits, written], [[WAIT, WAIT, WAIT], ['/run/a']]);
});

test('a folder in which nothing is seen names its place and both causes', () => {
  const { message, hint = '', code } = stage().tools.nothingSeen('/shared');
  assert.equal(code, 'NOT_FOUND');
  assert.equal(message, 'no secret seen in main:/shared (environment prod): path or rights?');
  assert.match(hint, /spelt so in environment prod .* right .*--allow-empty/);
});

test('a secret that is not there sends to its name and place, and to no setup', async () => {
  const { tools, written } = stage();
  const request = { name: 'NOPE', path: '/app', out: '/run/a', mode: 0o600, owner: undefined, base64: false };
  await assert.rejects(tools.writeFile(request, NOBODY_WAITS.onWait), {
    code: 'NOT_FOUND',
    message: 'no secret NOPE',
    hint: 'check the name, `--path` and `--environment`, or allow the machine identity to see it',
  });
  assert.deepEqual(written, []);
});
