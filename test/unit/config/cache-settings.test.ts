import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cacheInUse, cacheOrDefaults, hsmSettings } from '../../../src/config/cache-settings.ts';
import { SecretReader } from '../../../src/config/secret-reader.ts';
import { load, PROVIDER } from './support.ts';

test('a cache is in use where it is on and has a backend', async () => {
  const backend = async (section: string): Promise<string | undefined> =>
    cacheInUse(await load(PROVIDER + section))?.backends.join();
  assert.equal(await backend('cache: {backend: tpm}\n'), 'tpm');
  assert.equal(await backend('cache: {backend: tpm, enabled: false}\n'), undefined);
  assert.equal(await backend('cache: {enabled: true}\n'), undefined);
  assert.equal(await backend(''), undefined);
});

test('backends and recovery keys are one or a list', async () => {
  const recovery = 'age1e34ljque7j80p2mccrg3afm8az2w8x3lrs5z87cptjj2cj3sksvquz8clh';
  const recipients = async (section: string): Promise<unknown> => {
    const cache = cacheInUse(await load(PROVIDER + section));
    return [cache?.backends, cache?.recovery];
  };
  assert.deepEqual(await recipients('cache: {backend: tpm}\n'), [['tpm'], []]);
  assert.deepEqual(await recipients(`cache: {backend: [tpm, credential], recovery: ${recovery}}\n`), [
    ['tpm', 'credential'],
    [recovery],
  ]);
  assert.deepEqual(await recipients(`cache: {backend: [tpm], recovery: [${recovery}]}\n`), [['tpm'], [recovery]]);
  assert.deepEqual(await recipients('cache: {backend: []}\n'), [undefined, undefined]);
});

test('a backend can be tried before the file has a cache: the defaults hold, and it is off', async () => {
  const cache = cacheOrDefaults(await load(`${PROVIDER}state_dir: /srv/psi\n`));
  assert.deepEqual([cache.enabled, cache.path, cache.tpm.tcti], [false, '/srv/psi/cache.enc', 'device:/dev/tpmrm0']);
  assert.equal(cacheOrDefaults(await load(`${PROVIDER}cache: {backend: tpm, path: /c.enc}\n`)).path, '/c.enc');
});

test('without a module there is no token to ask, and the error shows the line that is missing', async () => {
  const config = await load(`${PROVIDER}cache: {backend: tpm, hsm: {module: /m.so, key: psi}}\n`);
  assert.equal(hsmSettings(cacheOrDefaults(config)).module, '/m.so');
  const without = cacheOrDefaults(await load(PROVIDER));
  assert.throws(() => hsmSettings(without), { code: 'CONFIG_INVALID', hint: /cache: \{hsm: \{module: / });
});

test('a secret-valued field is read each time it is asked for, and one that is not set gives nothing', async () => {
  let content = 'one\n';
  const secrets = new SecretReader({ readFile: () => Promise.resolve(new TextEncoder().encode(content)), env: {} });
  const field = { kind: 'file', path: '/run/pin' } as const;
  const read = secrets.readerOf(field);
  assert.equal((await read?.())?.exposeText(), 'one');
  content = 'two\n';
  assert.equal((await read?.())?.exposeText(), 'two');
  assert.equal((await secrets.read(field))?.exposeText(), 'two');
  assert.equal(await secrets.read(undefined), undefined);
  assert.equal(secrets.readerOf(undefined), undefined);
});
