// The credential key wrapper on files as systemd leaves them: the contract of all key wrappers, and what is a credential's own.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { CredentialKeyWrapper } from '../../src/adapters/credential/key-wrapper.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { keyWrapperContract, rejectsWith } from './key-wrapper.contract.ts';

const NAME = 'psi-cache-key';

async function folderWith(secret: Uint8Array | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'psi-credential-'));
  if (secret) await writeFile(join(folder, NAME), secret, { mode: 0o400 });
  return folder;
}

const wrapperIn = (folder: string | undefined): CredentialKeyWrapper =>
  new CredentialKeyWrapper({ readFile }, { name: NAME, folder });

keyWrapperContract('a systemd credential', async () => {
  const [folder, other] = [await folderWith(randomBytes(32)), await folderWith(randomBytes(32))];
  return {
    wrapper: wrapperIn(folder),
    stranger: wrapperIn(other),
    detach: () => rename(join(folder, NAME), join(folder, 'away')),
    attach: () => rename(join(folder, 'away'), join(folder, NAME)),
    dispose: async () => {
      await rm(folder, { recursive: true });
      await rm(other, { recursive: true });
    },
    wrapNeedsDevice: true,
  };
});

async function stage(t: TestContext, secret: Uint8Array | undefined): Promise<CredentialKeyWrapper> {
  const folder = await folderWith(secret);
  t.after(() => rm(folder, { recursive: true }));
  return wrapperIn(folder);
}

const dataKey = (): SecretValue => new SecretValue(randomBytes(32));

test('takes every byte of the credential as it is: a line end at its end too', async (t) => {
  const secret = randomBytes(32).fill(10, 31);
  const one = await stage(t, secret);
  const two = await stage(t, secret);
  const key = dataKey();
  assert.deepEqual((await two.unwrap(await one.wrap(key))).expose(), key.expose());
});

test('refuses a credential of another length, and says how to make one', async (t) => {
  for (const length of [0, 16, 31, 33, 64]) {
    const wrapper = await stage(t, randomBytes(length));
    const error = await rejectsWith(wrapper.wrap(dataKey()), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
    assert.match(String(error.hint), /systemd-creds encrypt --name=psi-cache-key/);
    assert.equal((await wrapper.describe()).problem?.details['reason'], 'refused');
  }
});

test('is not asked again by itself where psi.service was started without credentials', async () => {
  for (const folder of [undefined, '']) {
    const error = await rejectsWith(wrapperIn(folder).wrap(dataKey()), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
    assert.equal(error.retry, 'no');
  }
});
