// A file given another name in its folder, and the beginning of one: for a migration.

import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './atomic-write.ts';
import { errnoOf, fileError } from './host-error.ts';

/** One that is gone is no failure: an earlier run moved it. What is in its new place goes. */
export async function moveFile(path: string, to: string): Promise<void> {
  try {
    await rename(path, to);
    await syncFolder(dirname(to));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw fileError('move', path, error);
  }
}

/** Of a plain file alone; undefined: there is none. */
export async function headOf(
  path: string,
  bytes: number,
): Promise<{ readonly start: Uint8Array; readonly size: number } | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const info = await file.stat();
      if (!info.isFile()) return undefined;
      const { buffer, bytesRead } = await file.read({ buffer: new Uint8Array(bytes), position: 0 });
      return { start: buffer.subarray(0, bytesRead), size: info.size };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw fileError('read', path, error);
  }
}
