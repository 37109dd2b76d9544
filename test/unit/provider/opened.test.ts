import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { ConfiguredIdentity } from '../../../src/provider/configured-identity.ts';
import { closeAll, openAll, openedOrLater, withProvider } from '../../../src/provider/opened.ts';
import { tryLoginsOf } from '../../../src/provider/try-logins.ts';
import { FakeProvider } from '../../fakes/provider.fake.ts';

test('each provider is opened under its name, and all are closed together', async () => {
  const made = [new FakeProvider(), new FakeProvider()];
  const opened = await openAll(
    new Map([
      ['a', 0],
      ['b', 1],
    ]),
    (_, at) => Promise.resolve(made[at] ?? new FakeProvider()),
  );
  assert.deepEqual([...opened.keys()], ['a', 'b']);
  assert.equal(opened.get('b'), made[1]);
  closeAll(opened);
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [true, true],
  );
});

test('where one cannot be opened, those before it are closed', async () => {
  const first = new FakeProvider();
  const names = new Map([
    ['good', 1],
    ['bad', 2],
  ]);
  const open = (name: string): Promise<FakeProvider> =>
    name === 'good' ? Promise.resolve(first) : Promise.reject(new PsiError('CONFIG_INVALID', 'no'));
  await assert.rejects(openAll(names, open), { code: 'CONFIG_INVALID' });
  assert.ok(first.closed);
});

test('a provider is closed after the work with it, also where that fails', async () => {
  const provider = new FakeProvider();
  await assert.rejects(
    withProvider(provider, () => Promise.reject(new PsiError('PROVIDER_DOWN', 'no'))),
    { code: 'PROVIDER_DOWN' },
  );
  assert.ok(provider.closed);
});

test('the identities of all providers are tried, and the providers closed', async () => {
  const identity: ConfiguredIdentity = {
    method: 'some',
    who: 'somebody',
    projects: ['main'],
    tryLogin: () => Promise.resolve({ until: undefined }),
  };
  const provider = new FakeProvider();
  const report = await tryLoginsOf(new Map([['a', 1]]), () =>
    Promise.resolve(Object.assign(provider, { identities: () => [identity] })),
  );
  assert.deepEqual(report.logins, [
    { provider: 'a', method: 'some', who: 'somebody', projects: ['main'], ok: true, until: null },
  ]);
  assert.ok(provider.closed);
});

test('one that cannot be opened is tried again with each call, says why, and is closed with the rest', async () => {
  const provider = new FakeProvider();
  const gone = new PsiError('CONFIG_INVALID', 'ca_cert gone.pem does not exist');
  let failing = true;
  let tries = 0;
  const late = await openedOrLater(() => {
    tries += 1;
    return failing ? Promise.reject(gone) : Promise.resolve(provider);
  });
  const ref = { project: 'p', path: '/', key: 'K' };
  const get = (): Promise<unknown> => late.source.get(ref, new AbortController().signal);
  assert.equal(late.problem(), gone);
  await assert.rejects(get(), gone);
  await assert.rejects(late.probe(new AbortController().signal), gone);
  assert.equal(tries, 3);
  failing = false;
  await assert.rejects(get(), { code: 'PLACE_NOT_FOUND' });
  await assert.rejects(get(), { code: 'PLACE_NOT_FOUND' });
  assert.deepEqual([tries, late.problem()], [4, undefined]);
  late.close();
  assert.ok(provider.closed);
});
