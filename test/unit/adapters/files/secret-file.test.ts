// Secrets as files: whose they are, and what is left where they cannot be written.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSecretFiles } from '../../../../src/adapters/files/secret-file.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-secret-file-'));
  await writeFile(join(dir, 'passwd'), 'root:x:0:0::/:/bin/sh\nweb:x:33:44::/:/bin/false\nbroken:x:no:0::/:\n');
  await writeFile(join(dir, 'group'), 'root:x:0:\nweb:x:44:\n');
});
after(() => rm(dir, { recursive: true, force: true }));

test('finds users and groups by name and takes numbers as they are', async () => {
  const files = createSecretFiles({ etc: dir });
  assert.deepEqual(await files.ownerOf('web'), { uid: 33, gid: -1 });
  assert.deepEqual(await files.ownerOf('web:root'), { uid: 33, gid: 0 });
  assert.deepEqual(await files.ownerOf(':web'), { uid: -1, gid: 44 });
  assert.deepEqual(await files.ownerOf('999:1000'), { uid: 999, gid: 1000 });
});

for (const owner of ['', ':', 'nobody-here', 'web:nogroup', 'a:b:c', 'broken', '4294967295', '-1']) {
  test(`refuses the owner "${owner}"`, async () => {
    await assert.rejects(createSecretFiles({ etc: dir }).ownerOf(owner), { code: 'USAGE' });
  });
}

test('replaces the file as a whole, with the mode that was asked for whatever it was before', async () => {
  const path = join(dir, 'key');
  await writeFile(path, 'before');
  await chmod(path, 0o666);
  const files = createSecretFiles({ etc: dir });
  await files.write(path, SecretValue.fromText('after'), { mode: 0o440, owner: undefined });
  assert.equal(await readFile(path, 'utf8'), 'after');
  assert.equal((await stat(path)).mode & 0o777, 0o440);
});

test('says which folder is missing, and leaves no temporary file', async () => {
  const files = createSecretFiles({ etc: dir });
  const value = SecretValue.fromText('canary');
  await assert.rejects(files.write(join(dir, 'no/key'), value, { mode: 0o600, owner: undefined }), { code: 'HOST' });
  await assert.rejects(files.write(dir, value, { mode: 0o600, owner: undefined }), { code: 'USAGE' });
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.endsWith('.tmp')),
    [],
  );
});
