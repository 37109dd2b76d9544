// The drop-in files PSI owns in the quadlet folder: `{unit}.d/50-secrets.conf`, an instance's under another name. A file of that name without
// PSI's mark is the operator's and is never touched. The files hold names only, so everybody may read them.

import { lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { DROP_IN_FILE, DROP_IN_MARK, dropInFileName, isPsiDropIn } from '../../registration/drop-in.ts';
import type { DropIn, DropInStore, PresentDropIn } from '../../registration/drop-in-store.ts';
import { removeLeftovers, syncFolder, writeFileAtomic } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';

const SUFFIX = '.container.d';

/** A plain file name that ends in `.container`; no separator, nothing hidden. */
const UNIT = /^[A-Za-z0-9_@:][A-Za-z0-9_.@:\\-]*\.container$/;

export class DropInFiles implements DropInStore {
  readonly #dir: string;

  constructor(options: { readonly systemdDir: string }) {
    this.#dir = options.systemdDir;
  }

  async list(): Promise<readonly PresentDropIn[]> {
    const found: PresentDropIn[] = [];
    for (const name of await this.#folders()) {
      const unit = name.slice(0, -'.d'.length);
      const text = await this.#own(this.pathOf(unit));
      const once = await this.#formerOf(unit);
      const dropIn = text ?? once?.text;
      if (dropIn !== undefined) found.push({ unit, text: dropIn, ...(once && { misplaced: true }) });
    }
    return found;
  }

  async write({ unit, text }: DropIn): Promise<void> {
    const folder = this.#folder(unit);
    const path = this.pathOf(unit);
    const there = await this.#refuseForeign(unit);
    const former = await this.#formerOf(unit);
    try {
      const made = await fileCalls.run(folder, () => mkdir(folder, { recursive: true, mode: 0o755 }));
      if (made !== undefined) await syncFolder(this.#dir);
      // Renamed and not written beside it: no moment has its lines twice, or not at all.
      if (former && !there) await fileCalls.run(path, () => rename(former.path, path));
      await writeFileAtomic(path, text, { mode: 0o644 });
      if (former && there) await fileCalls.run(former.path, () => rm(former.path, { force: true }));
      if (former) await syncFolder(folder);
    } catch (error) {
      throw fileError('write the drop-in', path, error);
    }
  }

  async remove(unit: string): Promise<void> {
    const folder = this.#folder(unit);
    const path = this.pathOf(unit);
    const there = await this.#refuseForeign(unit);
    const former = await this.#formerOf(unit);
    if (!there && !former) return;
    try {
      await fileCalls.run(path, () => rm(path, { force: true }));
      if (former) await fileCalls.run(former.path, () => rm(former.path, { force: true }));
      await syncFolder(folder);
      await fileCalls.run(folder, () => rmdir(folder));
      await syncFolder(this.#dir);
    } catch (error) {
      // Other drop-ins of the operator keep the folder.
      if (errnoOf(error) !== 'ENOTEMPTY') throw fileError('remove the drop-in', path, error);
    }
  }

  pathOf(unit: string): string {
    return join(this.#folder(unit), dropInFileName(unit));
  }

  async hiders(unit: string): Promise<readonly string[]> {
    if (!unit.endsWith('@.container')) return [];
    const stem = unit.slice(0, -'.container'.length);
    const instances = (await this.#folders()).filter((name) => name.startsWith(stem) && name !== `${unit}.d`);
    const paths = instances.map((name) => join(this.#dir, name, dropInFileName(unit)));
    const texts = await Promise.all(paths.map((path) => this.#read(path)));
    return paths.filter((_, index) => !isPsiDropIn(texts[index] ?? DROP_IN_MARK));
  }

  /** Throws CONFLICT for somebody else's file, and for a link, which could lead out of the folder. Answers whether there is a file. */
  async #refuseForeign(unit: string): Promise<boolean> {
    const folder = this.#folder(unit);
    const path = this.pathOf(unit);
    for (const place of [folder, path]) {
      if (await isLink(place)) {
        throw new PsiError('CONFLICT', `${place} is a symbolic link, psi writes through none`, {
          hint: `look where it leads with \`ls -l ${place}\` and replace it by a folder or remove it`,
        });
      }
    }
    const text = await this.#read(path);
    if (text === undefined || isPsiDropIn(text)) return text !== undefined;
    throw new PsiError('CONFLICT', `${path} was not written by psi`, {
      hint: `rename it, for instance: mv ${path} ${join(folder, '60-local.conf')}`,
    });
  }

  /** Removes what killed writes left, of before that moment (ms since the epoch). Resolves to the paths. */
  async sweep(before: number): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const folder of await this.#folders()) {
      removed.push(
        ...(await removeLeftovers(
          join(this.#dir, folder),
          (name) => name === DROP_IN_FILE || name === dropInFileName(folder.slice(0, -2)),
          before,
        )),
      );
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

  /** What an earlier PSI wrote for an instance: under the name of its template's drop-in, which it hides. */
  async #formerOf(unit: string): Promise<{ readonly path: string; readonly text: string } | undefined> {
    const path = join(this.#folder(unit), DROP_IN_FILE);
    if (path === this.pathOf(unit) || (await isLink(path))) return undefined;
    const text = await this.#own(path);
    return text === undefined ? undefined : { path, text };
  }

  async #own(path: string): Promise<string | undefined> {
    const text = await this.#read(path);
    return text !== undefined && isPsiDropIn(text) ? text : undefined;
  }

  async #read(path: string): Promise<string | undefined> {
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
