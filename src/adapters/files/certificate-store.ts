// The folder `.psi-NAME` beside a certificate or its key: one version of all files in a folder `v-…`, and `current`, a link to the one that counts.
// Turning that link is the only moment at which anything changes for readers. Leftovers of a killed run are of no effect.

import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { syncFolder } from './atomic-write.ts';
import { isTrusted } from './held-folder.ts';
import { errnoOf } from './host-error.ts';

export type StoredFile = {
  readonly name: string;
  readonly data: Uint8Array;
  readonly mode: number;
  /** Undefined: whoever writes it. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
};

const VERSION = /^v-[0-9a-f]{12}$/;
const DRAFT_LINK = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

export class CertificateStore {
  readonly folder: string;
  /** Where it lies, for links to it: `folder` may be a path that only this process has. */
  readonly real: string;

  constructor(folder: string, real: string = folder) {
    this.folder = folder;
    this.real = real;
  }

  path(name: string): string {
    return join(this.folder, 'current', name);
  }

  /** In a folder that nobody else controls. The mode of a store that is there is left as it is. */
  async prepare(trusted: Iterable<number>): Promise<void> {
    try {
      await mkdir(this.folder, { mode: 0o755 });
      // Whatever the umask says: other users read certificates. The key has a mode of its own.
      await chmod(this.folder, 0o755);
      await syncFolder(dirname(this.folder));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const found = await lstat(this.folder);
    if (found.isDirectory() && (!isTrusted(found.uid, trusted) || (found.mode & 0o022) !== 0)) {
      throw new PsiError('CONFLICT', `${this.real} is there, and others can change it`, {
        hint: `look at it with \`ls -ld ${this.real}\` and move it away`,
      });
    }
    if (!found.isDirectory()) {
      throw new PsiError('CONFLICT', `${this.real} is there and no folder`, {
        hint: `look at it with \`ls -l ${this.real}\` and move it away`,
      });
    }
  }

  /** Writes all files as one version and makes it the one that counts. */
  async put(files: readonly StoredFile[]): Promise<void> {
    const version = `v-${randomBytes(6).toString('hex')}`;
    const folder = join(this.folder, version);
    await mkdir(folder, { mode: 0o755 });
    await chmod(folder, 0o755);
    for (const file of files) await write(join(folder, file.name), file);
    await syncFolder(folder);
    await pointTo(join(this.folder, 'current'), version);
  }

  /** Removes all but the version that counts. */
  async tidy(): Promise<void> {
    await this.#removeAllBut(await readlink(join(this.folder, 'current')));
  }

  /** Nothing leads here any more. */
  async empty(): Promise<void> {
    await rm(join(this.folder, 'current'), { force: true });
    await this.#removeAllBut(undefined);
  }

  async #removeAllBut(current: string | undefined): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const left = (VERSION.test(name) && name !== current) || DRAFT_LINK.test(name);
      if (left) await rm(join(this.folder, name), { recursive: true, force: true });
    }
    await syncFolder(this.folder);
  }
}

/** A link in the place of whatever is there, in one step. */
export async function pointTo(path: string, target: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  await symlink(target, draft);
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** What `pointTo` left behind for this path when it was killed. */
export async function tidyBeside(path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    if (DRAFT_LINK.exec(name)?.[1] !== basename(path)) continue;
    const draft = join(dirname(path), name);
    if ((await lstat(draft)).isSymbolicLink()) await rm(draft, { force: true });
  }
}

async function write(path: string, { data, mode, owner }: StoredFile): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(data);
    if (owner) await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}
