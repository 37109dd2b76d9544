// Where a quadlet lies, of all the folders that Podman's generator reads. PSI's container sees only some of them, so systemd is asked too.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import type { Quadlets } from '../../registration/quadlets.ts';
import type { UnitManager } from '../../registration/unit-manager.ts';
import { errnoOf, fileError } from '../files/host-error.ts';

/** Far more than anybody sorts quadlets into. */
const DEEPEST = 8;
const MOST_ENTRIES = 20_000;

export type QuadletSearchOptions = {
  readonly folders: readonly string[];
  readonly units: Pick<UnitManager, 'has'>;
};

export class QuadletSearch implements Quadlets {
  readonly #folders: readonly string[];
  readonly #units: Pick<UnitManager, 'has'>;

  constructor({ folders, units }: QuadletSearchOptions) {
    this.#folders = [...new Set(folders)];
    this.#units = units;
  }

  async find(unit: string): Promise<string | undefined> {
    for (const folder of this.#folders) {
      const path = await new Walk(unit).below(folder, DEEPEST);
      if (path !== undefined) return `${path} is there`;
    }
    const service = unit.replace(/\.container$/, '.service');
    return (await this.#units.has(service)) ? `systemd has ${service}` : undefined;
  }
}

/** Of the folders that podman-systemd.unit(5) names; `user`: the id of the one whose units they are, undefined for those of the system. */
export function quadletFolders(
  places: { readonly config: string; readonly runtime: string },
  user: number | undefined,
): readonly string[] {
  if (user === undefined) {
    return ['/run/containers/systemd', '/etc/containers/systemd', '/usr/share/containers/systemd'];
  }
  const shared = '/etc/containers/systemd/users';
  return [
    ...[places.runtime, places.config].map((folder) => `${folder}/containers/systemd`),
    shared,
    '/usr/share/containers/systemd/users',
  ];
}

class Walk {
  readonly #name: string;
  #left = MOST_ENTRIES;

  constructor(name: string) {
    this.#name = name;
  }

  async below(folder: string, depth: number): Promise<string | undefined> {
    const entries = await entriesOf(folder);
    this.#left -= entries.length;
    if (this.#left < 0) throw tooMany(folder);
    if (entries.some(({ name, folder: isFolder }) => name === this.#name && !isFolder)) return join(folder, this.#name);
    for (const { name, folder: isFolder } of entries) {
      if (!isFolder || name.endsWith('.d') || depth === 0) continue;
      const found = await this.below(join(folder, name), depth - 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Links to folders are folders to Podman. */
async function entriesOf(folder: string): Promise<readonly { readonly name: string; readonly folder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return await Promise.all(
      entries.map(async (entry) => ({
        name: entry.name,
        folder: entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(join(folder, entry.name)))),
      })),
    );
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw fileError('look for quadlets in', folder, error);
  }
}

function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function tooMany(folder: string): PsiError {
  return new PsiError('HOST', `too many files below the quadlet folders to look through, last in ${folder}`, {
    hint: `see what they are: \`ls -R ${folder} | head\``,
  });
}
