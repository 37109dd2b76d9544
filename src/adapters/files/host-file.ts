// Plain files, folders and links of the host, for installing. Never used for anything secret.

import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import type { HostFiles } from '../../host/host-files.ts';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { readBounded } from './file-calls.ts';
import { withFolderOf } from './held-folder.ts';
import { errnoOf, fileError } from './host-error.ts';

export class HostFileSystem implements HostFiles {
  async read(path: string): Promise<string | undefined> {
    try {
      return (await readBounded(path)).toString('utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('read', path, error);
    }
  }

  async write(path: string, text: string, mode: number): Promise<void> {
    try {
      await withFolderOf(path, { make: 0o755 }, (at) => writeFileAtomic(at, text, { mode }));
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  async folder(path: string, mode: number): Promise<'created' | 'tightened' | 'unchanged'> {
    try {
      if (await withFolderOf(path, { make: 0o755 }, (at) => made(at, mode))) return 'created';
      // By way of something in it: a folder that is a link by root's will is the one that it leads to.
      return await withFolderOf(join(path, 'x'), {}, (at) => tightened(dirname(at), mode));
    } catch (error) {
      throw fileError('create the folder', path, error);
    }
  }

  async hasFolder(path: string): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    return found?.isDirectory() === true;
  }

  async link(path: string, target: string): Promise<'created' | 'unchanged'> {
    try {
      const found = await linkAt(path);
      if (found === target) return 'unchanged';
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      const temporary = `${path}.psi-new`;
      await rm(temporary, { force: true });
      await symlink(target, temporary);
      await rename(temporary, path);
      await syncFolder(dirname(path));
      return 'created';
    } catch (error) {
      throw fileError('link', path, error);
    }
  }
}

/** False if the folder was there. The umask of the caller must not decide its mode. */
async function made(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await folder.chmod(mode);
  } finally {
    await folder.close();
  }
  return true;
}

async function tightened(path: string, mode: number): Promise<'tightened' | 'unchanged'> {
  const found = (await stat(path)).mode & 0o777;
  if ((found & ~mode) === 0) return 'unchanged';
  await chmod(path, found & mode);
  return 'tightened';
}

async function linkAt(path: string): Promise<string | undefined> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) {
      throw new PsiError('CONFLICT', `${path} is there and no symbolic link`, {
        hint: `look at it with \`ls -l ${path}\` and move it away`,
      });
    }
    return await readlink(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
