// The drop-in files PSI owns in the quadlet folder: `{unit}.d/50-secrets.conf`, an instance's under another name. A file of that name without
// PSI's mark is the operator's and is never touched. The files hold names only, so everybody may read them.

import { lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PsiError, toPsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import type { Scope } from '../../core/scope.ts';
import { movedAway, shellWord } from '../../core/text/shell.ts';
import { DROP_IN_FILE, dropInFileName, isPsiDropIn } from '../../registration/drop-in.ts';
import type { DropIn, DropInStore, Hider, PresentDropIn } from '../../registration/drop-in-store.ts';
import { findLeftovers, removeLeftovers, syncFolder, writeFileAtomic } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';
import { dropInFolders, quadletFolders, type QuadletRoot } from './quadlet-folders.ts';

const SUFFIX = '.container.d';

/** A plain file name that ends in `.container`; no separator, nothing hidden. */
const UNIT = /^[A-Za-z0-9_@:][A-Za-z0-9_.@:\\-]*\.container$/;

export type DropInFilesOptions = {
  readonly systemdDir: string;
  /** Where Podman reads quadlets and their drop-ins. */
  readonly roots?: readonly QuadletRoot[];
  readonly scope?: Scope;
};

export class DropInFiles implements DropInStore {
  readonly #dir: string;
  readonly #roots: readonly QuadletRoot[];
  readonly #reload: string;

  constructor({ systemdDir, roots = [], scope = 'system' }: DropInFilesOptions) {
    this.#dir = systemdDir;
    this.#roots = roots;
    this.#reload = scope === 'system' ? 'systemctl daemon-reload' : 'systemctl --user daemon-reload';
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

  async refused(unit: string): Promise<PsiError | undefined> {
    return this.#refuseForeign(unit).then(() => undefined, toPsiError);
  }

  async hiders(unit: string): Promise<readonly Hider[]> {
    const name = dropInFileName(unit);
    const earlier = dropInFolders(unit, await this.#earlierFolders()).map(({ folder }) => join(folder, name));
    const found = await Promise.all([...earlier, ...(await this.#ofInstances(unit))].map((path) => this.#hider(path)));
    return found.flatMap((hider) => hider ?? []);
  }

  /** Whoever wrote it: what lies there hides PSI's. */
  async #hider(path: string): Promise<Hider | undefined> {
    const text = await this.#read(path);
    if (text === undefined || (path.startsWith(`${this.#dir}/`) && isPsiDropIn(text))) return undefined;
    return { path, remedy: `\`${outOfTheWay(path, text)} && ${this.#reload}\`` };
  }

  async #earlierFolders(): Promise<readonly string[]> {
    const folders = await quadletFolders(this.#roots);
    return folders.slice(0, Math.max(folders.indexOf(this.#dir), 0));
  }

  async #ofInstances(unit: string): Promise<readonly string[]> {
    if (!unit.endsWith('@.container')) return [];
    const stem = unit.slice(0, -'.container'.length);
    const instances = (await this.#folders()).filter((name) => name.startsWith(stem) && name !== `${unit}.d`);
    return instances.map((name) => join(this.#dir, name, dropInFileName(unit)));
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
      hint: `look at it, then \`${outOfTheWay(path, text)}\` and run \`podman exec psi psi setup\``,
    });
  }

  /** What killed writes left, of before that moment (ms since the epoch). Resolves to paths. */
  async find(before: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (const folder of await this.#folders()) {
      const ours = (name: string): boolean => name === DROP_IN_FILE || name === dropInFileName(folder.slice(0, -2));
      found.push(...(await findLeftovers(join(this.#dir, folder), ours, before)));
    }
    return found;
  }

  /** Removes it. Resolves to the paths. */
  async sweep(before: number): Promise<readonly string[]> {
    return removeLeftovers(await this.find(before));
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

/** What gives a container secrets is read by nobody any more: under another name the workload would have them twice. */
function outOfTheWay(path: string, text: string): string {
  return /^\s*Secret\s*=/m.test(text)
    ? movedAway([path], '.away')
    : `mv ${shellWord(path)} ${shellWord(join(dirname(path), '60-local.conf'))}`;
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await fileCalls.run(path, () => lstat(path))).isSymbolicLink();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw fileError('look at', path, error);
  }
}
