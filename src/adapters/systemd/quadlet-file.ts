// Quadlet files as they lie in the quadlet folders, with the drop-ins that Podman's generator reads for them. Edits keep a backup, which
// holds the old values: nobody but its owner may read it.

import { lstat, open, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { isPsiDropIn } from '../../registration/drop-in.ts';
import type { DropInText, QuadletFiles } from '../../transfer/quadlet/quadlet-files.ts';
import { syncFolder, writeFileAtomic } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { withFolderOf } from '../files/held-folder.ts';
import { errnoOf, fileError } from '../files/host-error.ts';
import { dropInFolders, quadletFolders, type QuadletRoot } from './quadlet-folders.ts';
import { quadletPath } from './quadlet-search.ts';

const MOST_BACKUPS = 100;

export class QuadletFolder implements QuadletFiles {
  readonly #dir: string;
  readonly #roots: readonly QuadletRoot[];

  constructor({ systemdDir, roots }: { readonly systemdDir: string; readonly roots: readonly QuadletRoot[] }) {
    this.#dir = systemdDir;
    this.#roots = roots;
  }

  /** A name alone is the quadlet that Podman reads of this name. */
  async pathOf(file: string): Promise<string> {
    if (file.includes('/')) return resolve(file);
    return (await quadletPath(file, this.#roots)) ?? join(this.#dir, file);
  }

  async read(path: string): ReturnType<QuadletFiles['read']> {
    const unit = { path, text: await readText(path) };
    const byName = new Map<string, DropInText>();
    const places = [...new Set([...(await quadletFolders(this.#roots)), dirname(path)])];
    for (const { folder, shared } of dropInFolders(basename(path), places)) {
      for (const name of await confFiles(folder)) {
        // The same name in a more specific folder hides it.
        if (byName.has(name)) continue;
        const text = await readText(join(folder, name));
        byName.set(name, { path: join(folder, name), text, shared });
      }
    }
    const dropIns = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, dropIn]) => dropIn);
    return { unit, dropIns: dropIns.filter(({ text }) => !isPsiDropIn(text)) };
  }

  async readEnvFile(path: string): Promise<Uint8Array> {
    try {
      return await readBounded(path);
    } catch (error) {
      throw errnoOf(error) === 'ENOENT' ? missing(path) : fileError('read', path, error);
    }
  }

  async replace({ path, before, after }: Parameters<QuadletFiles['replace']>[0]): Promise<string> {
    try {
      // The quadlet of a user lies in folders of his; the edit is root's.
      return await withFolderOf(path, {}, async (at) => {
        const found = await lstat(at);
        if (found.isSymbolicLink() || (await readText(at)) !== before) {
          throw new PsiError('CONFLICT', `${path} is a symbolic link, or was changed meanwhile; it stays as it is`, {
            hint: `look with \`ls -l ${path}\`, then run the command again with the path of the file itself`,
          });
        }
        const suffix = await keep(at, before, found);
        await writeFileAtomic(at, after, { mode: found.mode & 0o777, owner: found });
        return `${path}${suffix}`;
      });
    } catch (error) {
      throw errnoOf(error) === 'ENOENT' ? missing(path) : fileError('edit the quadlet', path, error);
    }
  }
}

async function confFiles(folder: string): Promise<readonly string[]> {
  try {
    const names = await fileCalls.run(join(folder, '.'), () => readdir(folder));
    return names.filter((name) => name.endsWith('.conf')).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw fileError('read the folder of drop-ins', folder, error);
  }
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(path);
  } catch (error) {
    throw errnoOf(error) === 'ENOENT' ? missing(path) : fileError('read the quadlet', path, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new PsiError('BAD_REQUEST', `${path} is not valid UTF-8`, { hint: `look with \`iconv -f utf-8 ${path}\`` });
  }
}

type Owner = { readonly uid: number; readonly gid: number };

/** An older backup stays: it may be the only one from before PSI. Resolves to what its name has more. */
async function keep(path: string, text: string, { uid, gid }: Owner): Promise<string> {
  for (let count = 1; count <= MOST_BACKUPS; count += 1) {
    const suffix = count === 1 ? '.bak' : `.bak.${String(count)}`;
    const backup = `${path}${suffix}`;
    try {
      const file = await open(backup, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.chown(uid, gid);
        await file.sync();
      } catch (error) {
        // Half a backup would look like one.
        await rm(backup, { force: true });
        throw error;
      } finally {
        await file.close();
      }
      await syncFolder(dirname(path));
      return suffix;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
  throw new PsiError('CONFLICT', `there are ${String(MOST_BACKUPS)} backups of ${path} already`, {
    hint: `remove old ones: \`ls -l ${path}.bak*\``,
  });
}

function missing(path: string): PsiError {
  return new PsiError('NOT_FOUND', `there is no ${path}`, { hint: `look with \`ls -l ${dirname(path)}\`` });
}
