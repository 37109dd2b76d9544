// Providers whose values are on this host: what the config makes of their entries.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findingsOf, load, PROVIDER } from './support.ts';

const KEY = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const CACHE = 'cache: {backend: tpm}\n';

async function codes(text: string): Promise<readonly string[]> {
  return (await findingsOf(text)).map(({ code, path }) => `${code} ${path}`);
}

test('a host seals for its backends and a recovery key, bound to no PCR, and keeps what goes for a week', async () => {
  const { sealed, providers } = await load(`${CACHE}providers: {own: {kind: sealed, recovery: ${KEY}}}`);
  assert.deepEqual(sealed, {
    name: 'own',
    recovery: [KEY],
    fromPodman: false,
    keepDeletedMs: 7 * 86_400_000,
    pcrs: [],
  });
  // It is nobody that could be asked: no units, no logins, no default of a workload.
  assert.deepEqual([...providers.keys()], []);
});

test('everything about it can be said, and `none` has to be', async () => {
  const text = 'providers: {sealed: {recovery: none, from_podman: true, keep_deleted: 1d, pcrs: [7, 11]}}';
  const { sealed } = await load(`${CACHE}${text}`);
  assert.deepEqual(
    [sealed?.recovery, sealed?.fromPodman, sealed?.keepDeletedMs, sealed?.pcrs],
    [[], true, 86_400_000, [7, 11]],
  );
  assert.deepEqual(await codes(`${CACHE}providers: {sealed: {}}`), ['MISSING_KEY providers.sealed.recovery']);
  assert.deepEqual(await codes(`${CACHE}providers: {sealed: {recovery: []}}`), [
    'RECOVERY_OR_NONE providers.sealed.recovery',
  ]);
  assert.deepEqual(await codes(`${CACHE}providers: {sealed: {recovery: [${KEY}, ${KEY}]}}`), [
    'RECIPIENT_TWICE providers.sealed.recovery.1',
  ]);
});

test('without a backend of the cache nothing would open it', async () => {
  for (const cache of ['', 'cache: {}\n', 'cache: {backend: []}\n', 'cache: {backend: tpm, enabled: false}\n']) {
    const found = await codes(`${cache}providers: {sealed: {recovery: none}}`);
    assert.deepEqual(found, ['SEALED_WITHOUT_BACKEND providers.sealed'], cache);
  }
});

test('a workload without a provider has the one that can be asked, whatever stands before it', async () => {
  const own = `providers:\n  sealed: {recovery: none}\n${PROVIDER.replace('providers:\n', '')}`;
  const workloads = 'workloads: {app: {secrets: [{project: myproject}]}}\n';
  const config = await load(`${CACHE}${own}${workloads}`);
  assert.equal(config.workloads[0]?.provider, 'infisical');
  const named = 'workloads: {app: {provider: sealed, secrets: [{project: myproject}]}}\n';
  assert.deepEqual(await codes(`${CACHE}${own}${named}`), ['OWN_PROVIDER workloads.app.provider']);
});

test("the Python PSI's token has its keys and its defaults", async () => {
  const { nitrokeys } = await load('providers: {nitrokeyhsm: {}}');
  assert.deepEqual(nitrokeys.get('nitrokeyhsm'), {
    target: {
      module: '/usr/lib64/pkcs11/opensc-pkcs11.so',
      libraryParameters: undefined,
      token: { label: undefined, serial: undefined, slot: undefined, index: 0 },
      key: { label: 'podman-secrets', id: '02', either: true },
    },
    pin: undefined,
  });
  const all = await load(
    'providers: {nitrokeyhsm: {pkcs11_module: /m.so, slot: 2, key_label: l, key_id: "0A", pin: {credential: p}, public_key_cache: /k.der, pcscd_volume: v}}',
  );
  const { target, pin } = all.nitrokeys.get('nitrokeyhsm') ?? assert.fail();
  assert.deepEqual(
    [target.module, target.token.index, target.key, pin],
    ['/m.so', 2, { label: 'l', id: '0a', either: true }, { kind: 'credential', name: 'p' }],
  );
});

test('a PIN of it is no more shown than any other secret', async () => {
  const findings = await findingsOf('providers: {nitrokeyhsm: {pin: 123456, slot: -1}}');
  assert.ok(findings.length > 0);
  assert.doesNotMatch(JSON.stringify(findings), /123456/);
});
