// Folders of the host, looked through and cleared for an uninstall. Links are taken away and never followed.

import { mkdir, open, readdir, readFile, readlink, rmdir, unlink } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { dirname, join } from 'node:path';

import type { HostEntry, HostTree } from '../../host/host-tree.ts';
import { syncFolder } from './atomic-write.ts';
import { errnoOf, fileError } from './host-error.ts';

const GONE: readonly unknown[] = ['ENOENT', 'ENOTDIR'];
const STAYS: readonly unknown[] = ['ENOTEMPTY', 'EEXIST', 'EBUSY'];

export class HostFolders implements HostTree {
  async list(folder: string): Promise<readonly HostEntry[]> {
    try {
      const entries = await readdir(folder, { withFileTypes: true });
      return await Promise.all(entries.map((entry) => hostEntry(folder, entry)));
    } catch (error) {
      if (GONE.includes(errnoOf(error))) return [];
      throw fileError('read the folder', folder, error);
    }
  }

  async read(path: string): Promise<string | undefined> {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (GONE.includes(errnoOf(error))) return undefined;
      throw fileError('read', path, error);
    }
  }

  async remove(path: string): Promise<void> {
    try {
      await unlink(path);
      await syncFolder(dirname(path));
    } catch (error) {
      if (!GONE.includes(errnoOf(error))) throw fileError('remove', path, error);
    }
  }

  async standIn(path: string): Promise<boolean> {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await (await open(path, 'wx', 0o600)).close();
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw fileError('make', path, error);
    }
  }

  async removeFolder(path: string): Promise<'removed' | 'absent' | 'stays'> {
    try {
      await rmdir(path);
      await syncFolder(dirname(path));
      return 'removed';
    } catch (error) {
      if (GONE.includes(errnoOf(error))) return 'absent';
      if (STAYS.includes(errnoOf(error))) return 'stays';
      throw fileError('remove the folder', path, error);
    }
  }
}

async function hostEntry(folder: string, entry: Dirent): Promise<HostEntry> {
  const { name } = entry;
  if (entry.isSymbolicLink()) {
    return { name, kind: 'link', target: await readlink(join(folder, name)).catch(() => undefined) };
  }
  return { name, kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other', target: undefined };
}
