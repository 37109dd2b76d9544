// The lookup helper as a file: the one that PSI brings along, and what lies at its path on the host.

import { constants, type Stats } from 'node:fs';
import { access, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HelperFiles, HelperFound } from '../../host/helper/helper-files.ts';
import { HELPER_MODE } from '../../host/helper/judge.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { withFolderOf } from './held-folder.ts';
import { errnoOf, fileError } from './host-error.ts';

/** Of the tree that PSI runs from, however deep in it this file is. */
const BUILT = 'dist/helper/psi-lookup';
const ABOVE = ['.', '..', '../..', '../../..'] as const;

const LARGEST = 1024 * 1024;
const GONE: readonly unknown[] = ['ENOENT', 'ENOTDIR'];

export class HelperFile implements HelperFiles {
  async own(): Promise<Uint8Array | undefined> {
    for (const above of ABOVE) {
      const bytes = await readBounded(join(import.meta.dirname, above, BUILT), LARGEST).catch(() => undefined);
      if (bytes !== undefined && bytes.length > 0) return bytes;
    }
    return undefined;
  }

  async look(path: string): Promise<HelperFound> {
    try {
      const facts = await fileCalls.run(path, () => factsOf(path));
      if (!facts) return { kind: 'nothing', folder: await fileCalls.run(path, () => folderOf(path)) };
      // One that is larger than any is none: it is not read.
      if (!facts.isFile() || facts.size > LARGEST) return { kind: 'no file' };
      return { kind: 'file', bytes: await readBounded(path, LARGEST), ...rightsOf(facts), mayRun: await mayRun(path) };
    } catch (error) {
      throw fileError('look at', path, error);
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    try {
      // On a host with SELinux the file has the label of its folder, which below /usr/local/libexec is one that the host's services may run.
      await withFolderOf(path, { make: 0o755 }, (at) => writeFileAtomic(at, bytes, { mode: HELPER_MODE }));
    } catch (error) {
      throw fileError('write', path, error);
    }
  }
}

async function factsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: unknown) => {
    if (GONE.includes(errnoOf(error))) return undefined;
    throw error;
  });
}

function rightsOf({ mode, uid }: Stats): { readonly mode: number; readonly isOwn: boolean } {
  return { mode, isOwn: uid === 0 || uid === process.geteuid?.() };
}

async function mayRun(path: string): Promise<boolean> {
  const refused = await fileCalls.run(path, () => access(path, constants.X_OK).catch(() => 'refused'));
  return refused === undefined;
}

async function folderOf(path: string): Promise<'missing' | 'empty' | 'used'> {
  const folder = dirname(path);
  const [names, facts] = [await readdir(folder).catch(() => undefined), await stat(folder).catch(() => undefined)];
  // A folder that was mounted and has been removed since is empty for ever.
  if (names === undefined || facts?.nlink === 0) return 'missing';
  return names.every((name) => name.startsWith('.')) ? 'empty' : 'used';
}
