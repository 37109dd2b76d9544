import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { CacheBackends, type ConfiguredBackends } from '../../../src/cache/backends.ts';
import { CacheControl } from '../../../src/cache/control.ts';
import { PsiError } from '../../../src/core/error.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import type { Check, Keys, TokenKeys } from '../../../src/sealing/backends.ts';
import { FakeKeyWrapper } from '../../fakes/key-wrapper.fake.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

/** Keys that count how often they are closed; as a token's they count logins too. */
class CountedKeys extends FakeKeyWrapper {
  closes = 0;
  logins = 0;
  readonly asked: boolean[] = [];
  checks: readonly Check[] = [{ name: 'token', found: 'label', problem: undefined }];

  override close(): Promise<void> {
    this.closes += 1;
    return super.close();
  }

  init(): Promise<void> {
    this.logins += 1;
    return Promise.resolve();
  }

  preflight({ login }: { readonly login: boolean }): Promise<readonly Check[]> {
    this.asked.push(login);
    return Promise.resolve(this.checks);
  }
}

const tokenKeys = (): CountedKeys & TokenKeys => Object.assign(new CountedKeys('hsm'), { backend: 'hsm' as const });
const tpmKeys = (): CountedKeys & Keys => Object.assign(new CountedKeys('tpm'), { backend: 'tpm' as const });

function stage(running: Keys | undefined, configured: Partial<ConfiguredBackends> = {}) {
  const made: CountedKeys[] = [];
  const kept = <K extends CountedKeys>(keys: K): K => {
    made.push(keys);
    return keys;
  };
  let reopened = 0;
  const reopen = (): Promise<void> => {
    reopened += 1;
    return Promise.resolve();
  };
  const backends = new CacheBackends({
    running: running && { keys: [running], settings: 'same', cache: { reopen } },
    configured: () =>
      Promise.resolve({
        configFile: '/etc/psi/config.yaml',
        inUse: ['tpm'],
        settings: 'same',
        namesToken: true,
        keys: { tpm: () => kept(tpmKeys()), hsm: () => kept(tokenKeys()), credential: () => kept(tpmKeys()) },
        ...configured,
      }),
    random: randomBytes,
  });
  return { backends, made, reopens: () => reopened };
}

test('a backend is tried with keys of its own, which are closed after it', async () => {
  const { backends, made } = stage(undefined);
  const report = await backends.init('tpm');
  assert.deepEqual([report.configured, report.inUse, report.configFile], [true, false, '/etc/psi/config.yaml']);
  assert.equal(report.key.checks.at(-1)?.found, 'works');
  assert.deepEqual(
    made.map(({ backend, closes }) => [backend, closes]),
    [['tpm', 1]],
  );
});

test('keys that do not work are closed all the same', async () => {
  const broken = tpmKeys();
  broken.failure = 'absent';
  const { backends } = stage(undefined, {
    keys: { tpm: () => broken, hsm: tokenKeys, credential: tpmKeys },
  });
  await assert.rejects(backends.init('tpm'), { code: 'KEY_UNAVAILABLE' });
  assert.equal(broken.closes, 1);
});

test('where the config is the running one, the keys of the service are tried, and stay open', async () => {
  const own = tpmKeys();
  const { backends, made } = stage(own);
  const report = await backends.init('tpm');
  assert.deepEqual([report.inUse, own.wraps, own.closes, made.length], [true, 1, 0, 0]);
});

test('after an edit the new settings are tried, not those of the running service', async () => {
  const own = tpmKeys();
  const { backends, made } = stage(own, { settings: 'edited', inUse: [] });
  const report = await backends.init('tpm');
  assert.deepEqual([report.configured, report.inUse, own.wraps, made.length], [false, true, 0, 1]);
});

test('another backend than the running one is tried beside it', async () => {
  const own = tpmKeys();
  const { backends, made } = stage(own);
  const report = await backends.init('hsm');
  assert.deepEqual([report.configured, report.inUse, report.key.backend], [false, false, 'hsm']);
  assert.deepEqual([own.wraps, made[0]?.closes], [0, 1]);
});

test('commands of the HSM use the token of the service: it knows which PIN was refused', async () => {
  const own = tokenKeys();
  const { backends, made, reopens } = stage(own, { settings: 'edited' });
  await backends.tokenStatus();
  await backends.preflight({ login: true });
  await backends.initToken();
  assert.deepEqual([own.asked, own.logins, own.closes, made.length, reopens()], [[true], 1, 0, 0, 1]);
});

test('without a running token they use one of their own, and no cache is opened with it', async () => {
  const { backends, made, reopens } = stage(tpmKeys());
  assert.equal((await backends.tokenStatus()).backend, 'hsm');
  await backends.preflight({ login: false });
  await backends.initToken();
  assert.deepEqual(
    made.map(({ backend, closes, logins }) => [backend, closes, logins]),
    [
      ['hsm', 1, 0],
      ['hsm', 1, 0],
      ['hsm', 1, 1],
    ],
  );
  assert.equal(reopens(), 0);
});

test('a config that names no token any more says so, whatever the service still runs with', async () => {
  const noModule = new PsiError('CONFIG_INVALID', 'the config names no PKCS#11 module');
  const refuse = (): never => {
    throw noModule;
  };
  const { backends } = stage(tokenKeys(), {
    settings: 'edited',
    namesToken: false,
    keys: { tpm: tpmKeys, hsm: refuse, credential: tpmKeys },
  });
  await assert.rejects(backends.tokenStatus(), noModule);
  await assert.rejects(backends.init('hsm'), noModule);
});

test('a preflight tells what was found and what is wrong, line by line', async () => {
  const own = tokenKeys();
  const problem = new PsiError('KEY_UNAVAILABLE', 'the PIN is wrong', { hint: 'put it right' });
  own.checks = [...own.checks, { name: 'login', found: 'failed', problem }];
  const report = await stage(own).backends.preflight({ login: true });
  assert.deepEqual([report.backend, report.device, report.problem], ['hsm', null, null]);
  assert.deepEqual(report.checks[0], { name: 'token', found: 'label', problem: null });
  assert.equal(report.checks[1]?.problem?.message, 'the PIN is wrong');
});

test('while the cache is off there is no status, and an invalidation says how to turn it on', async () => {
  const mappings = await MappingTable.load(new FakeMappingStore(), new FakeNameStore());
  const registry = { list: () => Promise.resolve([]) };
  const control = new CacheControl({ running: undefined, mappings, registry });
  assert.equal(await control.status({ verify: true }), undefined);
  await assert.rejects(control.invalidate('myapp'), { code: 'CONFIG_INVALID', hint: /enabled: true/ });
});
