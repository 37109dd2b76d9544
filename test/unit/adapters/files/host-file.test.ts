import assert from 'node:assert/strict';
import { mkdtemp, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { HostFileSystem } from '../../../../src/adapters/files/host-file.ts';
import { hostFilesContract } from '../../../contract/host-files.contract.ts';
import { FakeHostFiles } from '../../../fakes/host-files.fake.ts';

describe('host files', () => {
  let base: string;
  const files = new HostFileSystem();
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-host-'));
  });
  after(() => rm(base, { recursive: true }));
  const root = () => mkdtemp(join(base, 'root-'));

  hostFilesContract('the fake', () => Promise.resolve({ files: new FakeHostFiles(), root: '/root' }));
  hostFilesContract('the file system', async () => ({ files, root: await root() }));

  it('sets modes whatever the umask is', async () => {
    const dir = await root();
    const before = process.umask(0o077);
    try {
      await files.folder(join(dir, 'open'), 0o755);
      await files.write(join(dir, 'open', 'unit'), 'text', 0o644);
    } finally {
      process.umask(before);
    }
    assert.equal((await stat(join(dir, 'open'))).mode & 0o777, 0o755);
    assert.equal((await stat(join(dir, 'open', 'unit'))).mode & 0o777, 0o644);
  });

  it('leaves nothing beside a link', async () => {
    const dir = await root();
    await files.link(join(dir, 'a.socket'), '/x/a.socket');
    await files.link(join(dir, 'a.socket'), '/y/a.socket');
    assert.deepEqual(await readdir(dir), ['a.socket']);
    assert.equal(await readlink(join(dir, 'a.socket')), '/y/a.socket');
  });

  it('says which path is in the way', async () => {
    const dir = await root();
    await writeFile(join(dir, 'file'), '');
    await assert.rejects(files.write(join(dir, 'file', 'x'), '', 0o644), {
      code: 'HOST',
      message: /cannot write .*file\/x/,
    });
  });
});
