// A folder that is held by its descriptor, and who else can change the way to it. Whoever controls a folder on the way can put a link or another
// folder in its place between two steps of a write; what is done through the descriptor stays in the folder that was looked at.

import { constants } from 'node:fs';
import { lstat, mkdir, open, readlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { errnoOf } from './host-error.ts';

/** Of the kernel, on all machines that PSI is built for; Node has no name for it. It needs no right to list the folder. */
const O_PATH = 0o10000000;
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const PLAIN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** As many as the kernel follows. */
const MOST_LINKS = 40;
/** Far more than a certificate with its chain. */
const MOST_BYTES = 1024 * 1024;

/** Somebody who can change what is in a folder. `who`: a user's number, or a word for many. */
export type Controller = { readonly path: string; readonly who: number | 'a group' | 'everybody' };

export type FileFound = {
  /** Nobody but those who are trusted could have put it there, so its owner means something. */
  readonly steady: boolean;
  readonly data: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

type WayTaken = {
  readonly real: string;
  readonly controllers: readonly Controller[];
  readonly leaders: readonly Controller[];
  readonly open: boolean;
};

export class HeldFolder {
  readonly #handle: FileHandle;
  /** Without links. */
  readonly real: string;
  readonly #controllers: readonly Controller[];
  readonly #leaders: readonly Controller[];
  /** Can every user pass through all folders on the way and this one? */
  readonly open: boolean;

  constructor(handle: FileHandle, way: WayTaken) {
    this.#handle = handle;
    this.real = way.real;
    this.#controllers = way.controllers;
    this.#leaders = way.leaders;
    this.open = way.open;
  }

  /** The first who could change it, or the way to it, beside root, whoever runs this, and those. */
  otherThan(trusted: Iterable<number>): Controller | undefined {
    return firstOther(this.#controllers, trusted);
  }

  /** The first of the others who could have put a link on the way here, and led it to a folder of his choice. */
  ledByOther(trusted: Iterable<number>): Controller | undefined {
    return firstOther(this.#leaders, trusted);
  }

  /** A path to what is in it that nobody on the way can turn elsewhere. */
  at(name: string): string {
    return `/proc/self/fd/${String(this.#handle.fd)}/${name}`;
  }

  /** The folder itself, whatever is at its path by now. */
  get here(): string {
    return this.at('.');
  }

  async owner(): Promise<number> {
    return (await this.#handle.stat()).uid;
  }

  /** Could only those who are trusted have put there what is in it? Whoever controls the way can put another folder in its place, no more. */
  async steadyFor(trusted: Iterable<number>): Promise<boolean> {
    const { uid, gid, mode } = await this.#handle.stat();
    // The sticky bit keeps nobody from putting something there first.
    return firstOther(controllersOf(this.real, { uid, gid, mode: mode & ~0o1000 }), trusted) === undefined;
  }

  /** A folder in it; undefined: there is none of that name, or a link. */
  async folder(name: string): Promise<HeldFolder | undefined> {
    try {
      const handle = await open(this.at(name), FOLDER);
      const facts = await handle.stat();
      const real = join(this.real, name);
      return new HeldFolder(handle, {
        real,
        controllers: [...this.#controllers, ...controllersOf(real, facts)],
        leaders: this.#leaders,
        open: this.open && (facts.mode & 0o001) !== 0,
      });
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** `make`: the mode of folders that are not there yet. */
export async function holdFolder(path: string, options: { readonly make?: number } = {}): Promise<HeldFolder> {
  const way = new Way(await open('/', FOLDER));
  try {
    await way.go(path, options.make);
    return way.held();
  } catch (error) {
    await way.close();
    throw error;
  }
}

/**
 * Hands `work` a path to that file whose folder nobody can exchange meanwhile. Refused where a link on the way is another's than who has the
 * folder that it leads to: he could have a file of somebody else overwritten.
 */
export async function withFolderOf<T>(
  path: string,
  options: { readonly make?: number },
  work: (at: string) => Promise<T>,
): Promise<T> {
  const whole = resolve(path);
  const folder = await holdFolder(dirname(whole), options);
  try {
    const leader = folder.ledByOther([await folder.owner()]);
    if (leader) {
      const real = join(folder.real, basename(whole));
      throw new PsiError('CONFLICT', `${path} is not written through a link: ${controllerWords(leader)}`, {
        hint: `it leads to ${real} now: if that is what is meant, name it so`,
      });
    }
    // In folders that nobody else controls the path itself says where an error was.
    return await work(folder.otherThan([]) ? folder.at(basename(whole)) : join(folder.real, basename(whole)));
  } finally {
    await folder.close();
  }
}

class Way {
  #handle: FileHandle;
  #real = '/';
  readonly #controllers: Controller[] = [];
  readonly #leaders: Controller[] = [];
  #open = true;
  #links = 0;

  constructor(root: FileHandle) {
    this.#handle = root;
  }

  held(): HeldFolder {
    return new HeldFolder(this.#handle, {
      real: this.#real,
      controllers: this.#controllers,
      leaders: this.#leaders,
      open: this.#open,
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async go(path: string, make: number | undefined): Promise<void> {
    await this.#look();
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const at = `/proc/self/fd/${String(this.#handle.fd)}/${name}`;
      const next = await this.#folderAt(at, make);
      if (next) await this.#enter(next, name);
      else names.unshift(...(await this.#linked(at, name)));
    }
  }

  async #enter(next: FileHandle, name: string): Promise<void> {
    await this.#handle.close();
    this.#handle = next;
    this.#real = resolve(this.#real, name);
    await this.#look();
  }

  async #look(): Promise<void> {
    const facts = await this.#handle.stat();
    this.#controllers.push(...controllersOf(this.#real, facts));
    if ((facts.mode & 0o001) === 0) this.#open = false;
  }

  /** Undefined: a link is there. */
  async #folderAt(at: string, make: number | undefined): Promise<FileHandle | undefined> {
    try {
      return await open(at, FOLDER);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' && make !== undefined) {
        await mkdir(at, { mode: make });
        return open(at, FOLDER);
      }
      if ((errno === 'ENOTDIR' || errno === 'ELOOP') && (await lstat(at)).isSymbolicLink()) return undefined;
      throw error;
    }
  }

  async #linked(at: string, name: string): Promise<readonly string[]> {
    const path = join(this.#real, name);
    if ((this.#links += 1) > MOST_LINKS) throw ofErrno('ELOOP', path);
    const { uid } = await lstat(at);
    const target = await readlink(at);
    this.#leaders.push({ path, who: uid }, ...controllersOf(this.#real, await this.#handle.stat()));
    if (isAbsolute(target)) {
      await this.#handle.close();
      this.#handle = await open('/', FOLDER);
      this.#real = '/';
    }
    return target.split('/').filter((part) => part !== '' && part !== '.');
  }
}

/**
 * A plain file, through no link that others than root, whoever runs this and those could have put there. Undefined: there is none, or anything
 * else is there.
 */
export async function readPlainFile(path: string, trusted: Iterable<number> = []): Promise<FileFound | undefined> {
  let current = path;
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    const next = await fileOrLink(current, [...trusted]);
    if (typeof next !== 'string') return next;
    current = next;
  }
  return undefined;
}

/** Where a link leads is a path. */
async function fileOrLink(path: string, trusted: readonly number[]): Promise<FileFound | string | undefined> {
  const folder = await holdFolder(dirname(path)).catch(goneIsUndefined);
  if (folder === undefined) return undefined;
  try {
    if (folder.ledByOther(trusted)) return undefined;
    const at = folder.at(basename(path));
    const found = await lstat(at).catch(goneIsUndefined);
    const steady = await folder.steadyFor(trusted);
    if (found?.isFile() === true) return await readHeld(at, steady);
    const leads = found?.isSymbolicLink() === true && steady && isTrusted(found.uid, trusted);
    return leads ? resolve(folder.real, await readlink(at)) : undefined;
  } finally {
    await folder.close();
  }
}

function goneIsUndefined(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
  throw error;
}

async function readHeld(at: string, steady: boolean): Promise<FileFound | undefined> {
  const file = await open(at, PLAIN_FILE);
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.size > MOST_BYTES) return undefined;
    const { mode, uid, gid } = facts;
    return { data: await file.readFile(), mode: mode & 0o777, uid, gid, steady };
  } finally {
    await file.close();
  }
}

export function isTrusted(uid: number, trusted: Iterable<number>): boolean {
  return trustedWith(trusted).has(uid);
}

function trustedWith(more: Iterable<number>): ReadonlySet<number> {
  return new Set([0, process.geteuid?.() ?? 0, ...more]);
}

function firstOther(controllers: readonly Controller[], trusted: Iterable<number>): Controller | undefined {
  const known = trustedWith(trusted);
  return controllers.find(({ who }) => typeof who !== 'number' || !known.has(who));
}

type Facts = { readonly uid: number; readonly gid: number; readonly mode: number };

function controllersOf(path: string, { uid, gid, mode }: Facts): readonly Controller[] {
  const found: Controller[] = [{ path, who: uid }];
  // In a folder with the sticky bit nobody can take away what is another's; whose something in it is, is asked of that itself.
  if ((mode & 0o1000) !== 0) return found;
  const ownGroup = gid === 0 || gid === process.getegid?.();
  if ((mode & 0o020) !== 0 && !ownGroup) found.push({ path, who: 'a group' });
  if ((mode & 0o002) !== 0) found.push({ path, who: 'everybody' });
  return found;
}

/** For people: who can change which folder. */
export function controllerWords({ path, who }: Controller): string {
  return `${typeof who === 'number' ? `the user ${String(who)}` : who} can change ${path}`;
}

function ofErrno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
