// Recovery keys against the other implementation of age, Debian's `age`: each opens what the other made, and a key of `age-keygen` is one
// that the config takes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';

import { AgeRecipient, unwrapWithIdentities } from '../../src/adapters/age/age.ts';
import { readIdentities } from '../../src/adapters/age/identity-file.ts';
import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { isRecoveryKey } from '../../src/sealing/recovery-key.ts';
import { FakeKeyWrapper } from '../fakes/key-wrapper.fake.ts';
import { run } from '../hosts/run.ts';
import { cacheEntry, plain } from './cache-file.contract.ts';

const NOTHING = Readable.from([]);

async function keyPair(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'psi-age-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const keyFile = join(dir, 'recovery.key');
  const made = await run(['age-keygen', '-o', keyFile]);
  assert.equal(made.code, 0, made.stderr);
  const recipient = (await run(['age-keygen', '-y', keyFile])).stdout.trim();
  return { dir, keyFile, recipient };
}

test('a key of age-keygen is one that the config takes', async (t) => {
  for (let round = 0; round < 5; round += 1) assert.ok(isRecoveryKey((await keyPair(t)).recipient));
});

test('age opens what was sealed here', async (t) => {
  const { dir, keyFile, recipient } = await keyPair(t);
  const dataKey = randomBytes(32);
  const sealed = join(dir, 'sealed.age');
  await writeFile(sealed, await new AgeRecipient(recipient).wrap(new SecretValue(dataKey)));
  const opened = await run(['age', '--decrypt', '--identity', keyFile, '--output', join(dir, 'opened'), sealed]);
  assert.equal(opened.code, 0, opened.stderr);
  assert.deepEqual(await readFile(join(dir, 'opened')), dataKey);
});

test('what age sealed opens here, with the file that age-keygen wrote', async (t) => {
  const { dir, keyFile, recipient } = await keyPair(t);
  const dataKey = randomBytes(32);
  const [plainFile, sealed] = [join(dir, 'plain'), join(dir, 'sealed.age')];
  await writeFile(plainFile, dataKey);
  const made = await run(['age', '--recipient', recipient, '--output', sealed, plainFile]);
  assert.equal(made.code, 0, made.stderr);
  const opened = await unwrapWithIdentities(await readIdentities(keyFile, NOTHING), [await readFile(sealed)]);
  assert.deepEqual(Buffer.from(opened?.expose() ?? []), dataKey);
});

test('a cache whose only key is gone opens with what age gets out of its header', async (t) => {
  const { dir, keyFile, recipient } = await keyPair(t);
  const path = join(dir, 'cache.enc');
  const entries = [cacheEntry('A', 'canary-value')];
  const fileOf = (keys: FakeKeyWrapper): EncryptedCacheFile =>
    new EncryptedCacheFile({ recipients: { own: [keys], recovery: [new AgeRecipient(recipient)] } }, { path });
  await fileOf(new FakeKeyWrapper('tpm')).write({ entries, writtenAt: 1 });
  const file = fileOf(new FakeKeyWrapper('tpm'));
  await assert.rejects(file.read(), { code: 'KEY_UNAVAILABLE', hint: /cache recover --identity/ });
  const { fileId, stanzas } = (await file.recoverable()) ?? assert.fail('there is a file');
  const sealed = join(dir, 'stanza.age');
  await writeFile(sealed, stanzas[0]?.wrappedKey ?? '');
  const dataKey = join(dir, 'data.key');
  assert.equal((await run(['age', '--decrypt', '--identity', keyFile, '--output', dataKey, sealed])).code, 0);
  const content = await file.readWith(fileId, new SecretValue(await readFile(dataKey)));
  assert.deepEqual(content.entries.map(plain), entries.map(plain));
});
