// Who else can change a folder, and what is read or written by way of one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import {
  holdFolder,
  readPlainFile,
  withFolderOf,
  type Controller,
} from '../../../../src/adapters/files/held-folder.ts';

const USER = 61_234;
const asRoot = process.getuid?.() === 0 ? false : 'needs root';

describe('a folder that is held', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-held-'));
  });
  after(() => rm(base, { recursive: true }));
  const made = async (name: string, mode = 0o755): Promise<string> => {
    const path = join(base, name);
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
    return path;
  };
  const otherThan = async (path: string, trusted: readonly number[] = []): Promise<Controller | undefined> => {
    const folder = await holdFolder(path);
    try {
      return folder.otherThan(trusted);
    } finally {
      await folder.close();
    }
  };

  it('tells who else can change it: nobody, everybody, and nobody again where the sticky bit is', async () => {
    assert.equal(await otherThan(await made('closed')), undefined);
    const open = await made('open', 0o777);
    assert.deepEqual(await otherThan(open), { path: open, who: 'everybody' });
    assert.deepEqual(await otherThan(await made('open/below')), { path: open, who: 'everybody' });
    assert.equal(await otherThan(await made('sticky', 0o1777)), undefined);
  });

  it('tells of another user, unless he is trusted, and of a group', { skip: asRoot }, async () => {
    const path = await made('users');
    await chown(path, USER, 0);
    assert.deepEqual(await otherThan(path), { path, who: USER });
    assert.equal(await otherThan(path, [USER]), undefined);
    const shared = await made('shared', 0o775);
    await chown(shared, 0, USER);
    assert.deepEqual(await otherThan(shared), { path: shared, who: 'a group' });
  });

  it('is known by where it really is, and does not go round in circles', async () => {
    const real = await made('real/deep');
    await symlink('real', join(base, 'link'));
    await symlink(real, join(base, 'straight'));
    for (const path of [join(base, 'link/deep'), join(base, 'straight'), join(real, '../deep')]) {
      const folder = await holdFolder(path);
      assert.equal(folder.real, real);
      await folder.close();
    }
    await symlink('round', join(base, 'round'));
    await assert.rejects(holdFolder(join(base, 'round')), { code: 'ELOOP' });
    await assert.rejects(holdFolder(join(base, 'missing')), { code: 'ENOENT' });
    await writeFile(join(base, 'file'), '');
    await assert.rejects(holdFolder(join(base, 'file')), { code: 'ENOTDIR' });
  });

  it('stays the same though another takes its place', async () => {
    const path = await made('moved');
    await chmod(base, 0o777);
    try {
      await withFolderOf(join(path, 'x'), {}, async (at) => {
        await rename(path, `${path}-away`);
        await made('moved');
        await writeFile(at, 'text');
      });
    } finally {
      await chmod(base, 0o700);
    }
    assert.equal(await readFile(join(`${path}-away`, 'x'), 'utf8'), 'text');
  });

  it('gives plain files of some size alone: no fifo, no folder, nothing large', async () => {
    const path = await made('files');
    await writeFile(join(path, 'plain'), 'text');
    await symlink('plain', join(path, 'link'));
    await mkdir(join(path, 'folder'));
    execFileSync('mkfifo', [join(path, 'fifo')]);
    await writeFile(join(path, 'large'), '');
    await truncate(join(path, 'large'), 1024 * 1024 + 1);
    for (const name of ['plain', 'link']) {
      const found = await readPlainFile(join(path, name));
      assert.deepEqual([found && Buffer.from(found.data).toString(), found?.steady], ['text', true], name);
    }
    for (const name of ['folder', 'fifo', 'large', 'missing', 'missing/x', 'plain/x']) {
      assert.equal(await readPlainFile(join(path, name)), undefined, name);
    }
  });

  it('gives a file through no link of somebody else, and says of his file that it is', { skip: asRoot }, async () => {
    const path = await made('his');
    await writeFile(join(base, 'secret'), 'of root');
    await symlink(join(base, 'secret'), join(path, 'link'));
    await writeFile(join(path, 'own'), 'his');
    await chown(path, USER, USER);
    assert.equal(await readPlainFile(join(path, 'link')), undefined);
    assert.equal((await readPlainFile(join(path, 'own')))?.steady, false);
    assert.equal((await readPlainFile(join(path, 'own'), [USER]))?.steady, true);
  });
});
