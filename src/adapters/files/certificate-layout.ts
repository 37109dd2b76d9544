// Where the files of a certificate lie: the folders of its outputs, held as they are, and the folder in which its store may be. A key is written
// only where nobody but root, whoever runs this and the key's owner can change the way to it.

import { lstat, readlink, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

import type { CertificateOutput } from '../../certificates/certificate.ts';
import { PsiError } from '../../core/error.ts';
import { CertificateStore } from './certificate-store.ts';
import { errnoOf } from './host-error.ts';
import {
  controllerWords,
  holdFolder,
  readPlainFile,
  type Controller,
  type FileFound,
  type HeldFolder,
} from './held-folder.ts';

const ROLES = ['cert', 'key', 'chain', 'ca'] as const;
export type Role = (typeof ROLES)[number];

export type OutputFile = {
  readonly role: Role;
  /** As the config names it. */
  readonly path: string;
  readonly folder: HeldFolder;
  /** The same file, by a path that nobody who controls a folder on the way can turn elsewhere. */
  readonly at: string;
};

/** A folder `.psi-NAME` that is there, and that only those who are trusted can have filled. */
type Found = { readonly store: CertificateStore; readonly within: HeldFolder };

type Place = Omit<OutputFile, 'at'>;
type Candidate = { readonly within: HeldFolder; readonly folder: HeldFolder };

export class CertificateLayout {
  readonly outputs: readonly OutputFile[];
  /** Owners that are trusted with the key's folder: its own. */
  readonly trusted: readonly number[];
  /** The key that is there, where its owner and mode mean something. */
  readonly key: FileFound | undefined;
  readonly #found: readonly Found[];
  readonly #name: string;

  private constructor(parts: {
    readonly name: string;
    readonly outputs: readonly OutputFile[];
    readonly trusted: readonly number[];
    readonly key: FileFound | undefined;
    readonly found: readonly Found[];
  }) {
    this.#name = parts.name;
    this.outputs = parts.outputs;
    this.trusted = parts.trusted;
    this.key = parts.key;
    this.#found = parts.found;
  }

  /** `make`: folders that are not there are made; else it is undefined where one is missing. Everything is let go when `work` has ended. */
  static async use<T>(
    name: string,
    output: CertificateOutput,
    { make }: { readonly make: boolean },
    work: (layout: CertificateLayout) => Promise<T>,
  ): Promise<T> {
    const held: HeldFolder[] = [];
    const keep = <F extends HeldFolder | undefined>(folder: F): F => {
      if (folder) held.push(folder);
      return folder;
    };
    try {
      const folders: Place[] = [];
      for (const [role, path] of pathsOf(output)) {
        folders.push({ role, path, folder: keep(await holdFolder(dirname(path), make ? { make: 0o755 } : {})) });
      }
      const candidates: Candidate[] = [];
      for (const within of unique(folders.filter(({ role }) => role === 'cert' || role === 'key'))) {
        const folder = keep(await within.folder(`.psi-${name}`));
        if (folder) candidates.push({ within, folder });
      }
      const trusted = await keyOwners(output, folders, candidates);
      const found: Found[] = [];
      for (const { within, folder } of candidates) {
        if (!(await folder.steadyFor(trusted))) continue;
        const path = within.otherThan(trusted) ? folder.here : folder.real;
        found.push({ within, store: new CertificateStore(path, folder.real) });
      }
      const key = await readPlainFile(output.key, trusted);
      const outputs = folders.map((one) => ({ ...one, at: atOf(one, trusted) }));
      const parts = { name, outputs, trusted, found, key: key?.steady === true ? key : undefined };
      return await work(new CertificateLayout(parts));
    } finally {
      for (const folder of held) await folder.close();
    }
  }

  output(role: Role): OutputFile {
    const found = this.outputs.find((one) => one.role === role);
    if (!found) throw new PsiError('INTERNAL', `a certificate without ${role}`);
    return found;
  }

  /** Outputs whose readers cannot pass through to that store: a copy is put there, once the store has it. */
  copiedFrom({ real }: CertificateStore): readonly OutputFile[] {
    const { open, store } = this.place();
    return open || store.real !== real
      ? []
      : this.outputs.filter(({ role, folder }) => role !== 'key' && folder.real !== dirname(store.real));
  }

  /** Writing there must not go through a link that others can lead elsewhere. */
  mayWrite({ path, folder }: OutputFile): void {
    const leader = folder.ledByOther(this.trusted);
    if (!leader) return;
    throw new PsiError('CONFLICT', `${path} is not written through a link: ${controllerWords(leader)}`, {
      hint: `name \`${join(folder.real, basename(path))}\` in \`output\` if that is what is meant, and have root make the folder`,
    });
  }

  /**
   * Where the next version goes: beside the certificate, which everybody may read, where that is safe; else beside the key. What lies at an unsafe
   * place and cannot be moved is renewed where it is.
   */
  place(): { readonly store: CertificateStore; readonly isNew: boolean; readonly open: boolean } {
    const [cert, key] = [this.output('cert').folder, this.output('key').folder];
    const safe = [cert, key].find((folder) => this.#controllerOf(folder) === undefined);
    if (safe) {
      const store = new CertificateStore(join(safe.real, `.psi-${this.#name}`));
      return { store, isNew: true, open: safe.real === cert.real || safe.open };
    }
    const [there] = this.#found;
    if (there) return { store: there.store, isNew: false, open: true };
    throw this.#unsafe(key);
  }

  /** The store that the outputs lead to; undefined: they do not, or it is not PSI's any more. */
  async inPlace(): Promise<CertificateStore | undefined> {
    for (const { store } of this.#found) {
      if (await leadsTo(this.output('key'), store)) return store;
    }
    return undefined;
  }

  /** Who else can change where the key lies now. */
  async exposed(): Promise<PsiError | undefined> {
    const store = await this.inPlace();
    const within = this.#found.find((one) => one.store === store)?.within;
    const controller = within && this.#controllerOf(within);
    if (!store || !controller) return undefined;
    return new PsiError(
      'CONFLICT',
      `the key lies in ${store.real}, where others could put another one in its place: ${controllerWords(controller)}`,
      {
        hint: this.#controllerOf(this.output('key').folder)
          ? `name folders in \`output\` that only root can change, or \`chown root ${controller.path}\``
          : `the next renewal moves it beside ${this.output('key').path}`,
      },
    );
  }

  /** Stores that are left when all outputs lead to another one: only those that the outputs led to before are known to be this certificate's. */
  async leave(store: CertificateStore): Promise<void> {
    const found = this.#found.find((one) => one.store === store);
    if (!found) return;
    await store.empty();
    // Whatever is there by now: only an empty folder goes.
    await rmdir(found.within.at(`.psi-${this.#name}`)).catch(() => undefined);
  }

  #controllerOf(folder: HeldFolder): Controller | undefined {
    return folder.ledByOther(this.trusted) ?? folder.otherThan(this.trusted);
  }

  #unsafe(folder: HeldFolder): PsiError {
    const controller = this.#controllerOf(folder) ?? { path: folder.real, who: 'everybody' as const };
    const { path } = this.output('key');
    return new PsiError('CONFLICT', `the key is not written to ${path}: ${controllerWords(controller)}`, {
      hint:
        `name a folder that only root can change as \`output.key\`, or \`chown root ${controller.path}\`; if the key is meant for ` +
        `the owner of ${dirname(path)}, make it once as his: \`install -m 0600 -o USER /dev/null ${path}\``,
    });
  }
}

/**
 * Who is trusted with the key beside root and whoever runs this: its owner, where he has its folder as well, or where a folder that nobody else
 * controls holds a store that was given to him.
 */
async function keyOwners(
  output: CertificateOutput,
  folders: readonly Place[],
  candidates: readonly Candidate[],
): Promise<readonly number[]> {
  const owners: number[] = [];
  const owner = await folders.find(({ role }) => role === 'key')?.folder.owner();
  if (owner !== undefined && (await readPlainFile(output.key, [owner]))?.uid === owner) owners.push(owner);
  for (const { within, folder } of candidates) {
    if (within.otherThan([]) !== undefined || !(await within.steadyFor([]))) continue;
    const given = await folder.owner();
    const key = await readPlainFile(join(folder.real, 'current', fileName('key')), [given]);
    if (key?.uid === given) owners.push(given);
  }
  return owners;
}

function pathsOf(output: CertificateOutput): readonly (readonly [Role, string])[] {
  return ROLES.flatMap((role) => {
    const path = output[role];
    return path === undefined ? [] : [[role, path] as const];
  });
}

function atOf({ folder, path }: Place, trusted: readonly number[]): string {
  return folder.otherThan(trusted) ? folder.at(basename(path)) : join(folder.real, basename(path));
}

function unique(places: readonly Place[]): readonly HeldFolder[] {
  const folders = places.map(({ folder }) => folder);
  return folders.filter((folder, at) => folders.findIndex(({ real }) => real === folder.real) === at);
}

export function fileName(role: Role): string {
  return `${role}.pem`;
}

/** Relative, so that a folder may be mounted elsewhere, and from where both really lie. */
export function linkTo(store: CertificateStore, { role, folder }: Pick<OutputFile, 'role' | 'folder'>): string {
  return join(relative(folder.real, store.real) || '.', 'current', fileName(role));
}

/** A link of PSI's, or one that leads to the same file by another way: folders that are links themselves have more than one name. */
export async function leadsTo(output: OutputFile, store: CertificateStore): Promise<boolean> {
  try {
    if (!(await lstat(output.at)).isSymbolicLink()) return false;
    if ((await readlink(output.at)) === linkTo(store, output)) return true;
    const [seen, stored] = await Promise.all([stat(output.at), stat(store.path(fileName(output.role)))]);
    return seen.dev === stored.dev && seen.ino === stored.ino;
  } catch (error) {
    if (isNothing(error)) return false;
    throw error;
  }
}

/** Nothing is there, or something that it is not. */
export function isNothing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(errnoOf(error) ?? '');
}
