// The drop-in files PSI owns in the quadlet folder: `{unit}.d/50-secrets.conf`. A file of that name without PSI's mark is the
// operator's and is never touched. The files hold names only, so everybody may read them.

import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { isPsiDropIn } from '../../registration/drop-in.ts';
import type { DropIn, DropInStore } from '../../registration/drop-in-store.ts';
import { removeLeftovers, syncFolder, writeFileAtomic } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';

const FILE = '50-secrets.conf';
const SUFFIX = '.container.d';

/** A plain file name that ends in `.container`; no separator, nothing hidden. */
const UNIT = /^[A-Za-z0-9_@:][A-Za-z0-9_.@:\\-]*\.container$/;

export class DropInFiles implements DropInStore {
  readonly #dir: string;

  constructor(options: { readonly systemdDir: string }) {
    this.#dir = options.systemdDir;
  }

  async list(): Promise<readonly DropIn[]> {
    const found: DropIn[] = [];
    for (const name of await this.#folders()) {
      const unit = name.slice(0, -'.d'.length);
      const text = await this.#read(unit);
      if (text !== undefined && isPsiDropIn(text)) found.push({ unit, text });
    }
    return found;
  }

  async write({ unit, text }: DropIn): Promise<void> {
    const folder = this.#folder(unit);
    await this.#refuseForeign(unit);
    try {
      const made = await fileCalls.run(folder, () => mkdir(folder, { recursive: true, mode: 0o755 }));
      if (made !== undefined) await syncFolder(this.#dir);
      await writeFileAtomic(join(folder, FILE), text, { mode: 0o644 });
    } catch (error) {
      throw fileError('write the drop-in', join(folder, FILE), error);
    }
  }

  async remove(unit: string): Promise<void> {
    const folder = this.#folder(unit);
    if (!(await this.#refuseForeign(unit))) return;
    try {
      await fileCalls.run(folder, () => rm(join(folder, FILE), { force: true }));
      await syncFolder(folder);
      await fileCalls.run(folder, () => rmdir(folder));
      await syncFolder(this.#dir);
    } catch (error) {
      // Other drop-ins of the operator keep the folder.
      if (errnoOf(error) !== 'ENOTEMPTY') throw fileError('remove the drop-in', join(folder, FILE), error);
    }
  }

  /** Throws CONFLICT for somebody else's file, and for a link, which could lead out of the folder. Answers whether there is a file. */
  async #refuseForeign(unit: string): Promise<boolean> {
    const folder = this.#folder(unit);
    const path = join(folder, FILE);
    for (const place of [folder, path]) {
      if (await isLink(place)) {
        throw new PsiError('CONFLICT', `${place} is a symbolic link, psi writes through none`, {
          hint: `look where it leads with \`ls -l ${place}\` and replace it by a folder or remove it`,
        });
      }
    }
    const text = await this.#read(unit);
    if (text === undefined || isPsiDropIn(text)) return text !== undefined;
    throw new PsiError('CONFLICT', `${path} was not written by psi`, {
      hint: `rename it, for instance: mv ${path} ${join(folder, '60-local.conf')}`,
    });
  }

  /** Removes what killed writes left, of before that moment (ms since the epoch). Resolves to the paths. */
  async sweep(before: number): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const folder of await this.#folders()) {
      removed.push(...(await removeLeftovers(join(this.#dir, folder), (name) => name === FILE, before)));
    }
    return removed;
  }

  async #folders(): Promise<readonly string[]> {
    try {
      const entries = await fileCalls.run(join(this.#dir, '.'), () => readdir(this.#dir, { withFileTypes: true }));
      return entries
        .filter((entry) => entry.isDirectory() && entry.name.endsWith(SUFFIX) && UNIT.test(entry.name.slice(0, -2)))
        .map((entry) => entry.name)
        .sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw fileError('read the quadlet folder', this.#dir, error);
    }
  }

  async #read(unit: string): Promise<string | undefined> {
    const path = join(this.#folder(unit), FILE);
    try {
      return (await readBounded(path)).toString('utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('read the drop-in', path, error);
    }
  }

  #folder(unit: string): string {
    if (!UNIT.test(unit)) throw new PsiError('HOST', `"${printable(unit)}" is no name of a quadlet container unit`);
    return join(this.#dir, `${unit}.d`);
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await fileCalls.run(path, () => lstat(path))).isSymbolicLink();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw fileError('look at', path, error);
  }
}
