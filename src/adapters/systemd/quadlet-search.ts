// Where a quadlet lies, of all the folders that Podman's generator reads. PSI's container sees only some of them, so systemd is asked too.

import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { errnoOf, fileError } from '../files/host-error.ts';
import type { QuadletFile, Quadlets } from '../../registration/quadlets.ts';
import type { UnitManager } from '../../registration/unit-manager.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { quadletFolders, type QuadletRoot } from './quadlet-folders.ts';

export type QuadletSearchOptions = {
  readonly roots: readonly QuadletRoot[];
  readonly units: Pick<UnitManager, 'has'>;
};

const LONGEST_QUADLET = 1024 * 1024;

export class QuadletSearch implements Quadlets {
  readonly #roots: readonly QuadletRoot[];
  readonly #units: Pick<UnitManager, 'has'>;

  constructor({ roots, units }: QuadletSearchOptions) {
    this.#roots = roots;
    this.#units = units;
  }

  async list(): Promise<readonly QuadletFile[]> {
    const paths = new Map<string, string>();
    for (const folder of await quadletFolders(this.#roots)) {
      for (const name of await containerNames(folder)) {
        const path = join(folder, name);
        if (!paths.has(name) && (isUnreadable(name) || (await isFile(path)))) paths.set(name, path);
      }
    }
    const files = [...paths].sort(([a], [b]) => (a < b ? -1 : 1));
    return Promise.all(files.map(async ([unit, path]) => ({ unit, path, text: await textOf(path) })));
  }

  async find(unit: string): Promise<string | undefined> {
    const path = await quadletPath(unit, this.#roots);
    if (path !== undefined) return `${path} is there`;
    const service = unit.replace(/\.container$/, '.service');
    return (await this.#units.has(service)) ? `systemd has ${service}` : undefined;
  }

  async namesake(unit: string): Promise<string | undefined> {
    if ((await quadletPath(unit, this.#roots)) !== undefined) return undefined;
    const stem = unit.replace(/\.container$/, '');
    return (await quadletPath(`${stem}.kube`, this.#roots)) ?? quadletPath(`${stem}.pod`, this.#roots);
  }
}

async function containerNames(folder: string): Promise<readonly string[]> {
  try {
    const names = await fileCalls.run(join(folder, '.'), () => readdir(folder));
    return names.filter((name) => name.endsWith('.container'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw fileError('look for quadlets in', folder, error);
  }
}

/** Its bytes are no UTF-8, so nobody finds it by this name: it is listed for whoever says so. */
function isUnreadable(name: string): boolean {
  return name.includes('\ufffd');
}

/** Undefined: it leads out of what PSI's container sees, or is no file. */
async function textOf(path: string): Promise<string | undefined> {
  return readBounded(path, LONGEST_QUADLET).then(
    (bytes) => bytes.toString('utf8'),
    () => undefined,
  );
}

/** The one that Podman reads of this name; undefined: there is none. */
export async function quadletPath(name: string, roots: readonly QuadletRoot[]): Promise<string | undefined> {
  for (const folder of await quadletFolders(roots)) {
    const path = join(folder, name);
    if (await isFile(path)) return path;
  }
  return undefined;
}

/** A link that leads nowhere from here is one: an instance is a link to its template, and PSI's container does not see everything. */
async function isFile(path: string): Promise<boolean> {
  try {
    const found = await fileCalls.run(path, () => lstat(path));
    if (!found.isSymbolicLink()) return !found.isDirectory();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw fileError('look at', path, error);
  }
  return fileCalls
    .run(path, () => stat(path))
    .then(
      (target) => !target.isDirectory(),
      () => true,
    );
}
