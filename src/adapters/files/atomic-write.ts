// The one way PSI writes a file: after a power cut there is either the old content or the new one, never a part and never a lost
// rename. Knows nothing of what it writes.

import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileCalls } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

export type AtomicWriteOptions = {
  readonly mode: number;
  /** Numbers as chown takes them: -1 leaves one as it is. Default: whoever writes. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** For kill-point tests: called when a step is done. */
  readonly onStep?: (step: WriteStep) => void;
};

export type WriteStep = 'created' | 'written' | 'synced' | 'renamed';

/**
 * Durable when it resolves. The temporary file is in the same folder, under a dot name that ends in `.tmp`: no mapping, and nothing
 * that quadlet reads (it takes every `*.conf`, hidden ones too).
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicWriteOptions): Promise<void> {
  return fileCalls.run(path, (late) => replaceFile(path, data, options, late), WRITE_MS);
}

/** A disk that is busy takes its time to make it durable. */
const WRITE_MS = 20_000;

/** `late`: nobody believes in this write any more, so it must not replace anything. */
async function replaceFile(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions,
  late: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  // Opened for its owner alone: a wider mode is given only once the content is whole.
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      options.onStep?.('created');
      await file.writeFile(data);
      options.onStep?.('written');
      // Before the mode: a change of owner takes the special bits away.
      if (options.owner) await file.chown(options.owner.uid, options.owner.gid);
      await file.chmod(options.mode);
      await file.sync();
      options.onStep?.('synced');
    } finally {
      await file.close();
    }
    late.throwIfAborted();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  options.onStep?.('renamed');
  await syncNow(dirname(path));
}

const TEMPORARY = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

/**
 * Removes what writes left in a folder that were killed, of files by these names alone, and older than `before` (ms since the epoch): a younger
 * one may be a write under way. Resolves to their paths. A folder that is not there has none.
 */
export function removeLeftovers(
  folder: string,
  ours: (name: string) => boolean,
  before: number,
): Promise<readonly string[]> {
  const sweep = (): Promise<readonly string[]> => sweepFolder(folder, ours, before);
  return fileCalls.run(join(folder, '.'), sweep, WRITE_MS).catch((error: unknown) => {
    throw fileError('read the folder', folder, error);
  });
}

async function sweepFolder(
  folder: string,
  ours: (name: string) => boolean,
  before: number,
): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const removed: string[] = [];
  for (const name of names) {
    const of = TEMPORARY.exec(name)?.[1];
    if (of === undefined || !ours(of)) continue;
    const path = join(folder, name);
    // Gone by itself, or none of PSI's to judge.
    const facts = await lstat(path).catch(() => undefined);
    if (!facts?.isFile() || facts.mtimeMs >= before) continue;
    await rm(path, { force: true });
    removed.push(path);
  }
  return removed;
}

/** Makes renames and removals in a folder durable. */
export function syncFolder(path: string): Promise<void> {
  return fileCalls.run(join(path, '.'), () => syncNow(path), WRITE_MS);
}

async function syncNow(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
