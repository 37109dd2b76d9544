// All folders that Podman's generator reads quadlets and their drop-ins from (podman-systemd.unit(5) of Podman 6, which reads one more
// than those before it), in its order: what stands in an earlier one hides its namesake in a later one. Whoever asks where quadlets are asks here.

import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import type { Scope } from '../../core/scope.ts';
import { fileCalls } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';

/** Far more than anybody sorts quadlets into. */
const DEEPEST = 8;
const MOST_ENTRIES = 20_000;

export type QuadletRoot = {
  readonly folder: string;
  /** Folders directly below it that are those of others. */
  readonly others?: RegExp;
};

export type QuadletHost = {
  readonly scope: Scope;
  readonly uid: number;
  /** The user's own. */
  readonly config: string;
  readonly runtime: string;
  /** Where PSI writes its drop-ins, whatever Podman's own places are. */
  readonly systemdDir: string;
};

export function quadletRoots(host: QuadletHost): readonly QuadletRoot[] {
  const roots = host.scope === 'system' ? SYSTEM : rootsOfUser(host);
  const { systemdDir } = host;
  return roots.some(({ folder }) => folder === systemdDir) ? roots : [{ folder: systemdDir }, ...roots];
}

// Only in the administrator's folder Podman tells whose a folder below `users` is.
const ADMIN = '/etc/containers/systemd';
const DISTRIBUTION = '/usr/share/containers/systemd';

const SYSTEM: readonly QuadletRoot[] = [
  { folder: '/run/containers/systemd' },
  { folder: ADMIN, others: /^users$/ },
  { folder: DISTRIBUTION },
];

function rootsOfUser({ runtime, config, uid }: QuadletHost): readonly QuadletRoot[] {
  return [
    { folder: `${runtime}/containers/systemd` },
    { folder: `${config}/containers/systemd` },
    { folder: `${ADMIN}/users`, others: /^\d+$/ },
    { folder: `${ADMIN}/users/${String(uid)}` },
    { folder: `${DISTRIBUTION}/users` },
  ];
}

/** The roots and all folders below them that are there. Links to folders are folders to Podman; each is read once. */
export async function quadletFolders(roots: readonly QuadletRoot[]): Promise<readonly string[]> {
  const walk = new Walk();
  for (const { folder, others } of roots) await walk.add(folder, DEEPEST, others);
  return walk.found;
}

/** From the most specific to the broadest, and each in all places, as Podman looks for them. */
export function dropInFolders(
  file: string,
  places: readonly string[],
): readonly { readonly folder: string; readonly shared: boolean }[] {
  const [, prefix = '', instance] = /^([^@]*)(?:@(.*))?\.container$/.exec(file) ?? [];
  const parts = prefix.split('-');
  const truncated = parts.slice(0, -1).map((_, count) => `${parts.slice(0, count + 1).join('-')}-`);
  const names = [
    ...(instance === undefined || instance === '' ? [] : [`${prefix}@`]),
    ...truncated.reverse().flatMap((start) => (instance === undefined ? [start] : [`${start}@`, start])),
  ];
  return [`${file}.d`, ...names.map((name) => `${name}.container.d`), 'container.d'].flatMap((folder, index) =>
    places.map((place) => ({ folder: join(place, folder), shared: index > 0 })),
  );
}

class Walk {
  readonly found: string[] = [];
  readonly #seen = new Set<string>();
  #left = MOST_ENTRIES;

  async add(folder: string, depth: number, others?: RegExp): Promise<void> {
    const names = await folderNames(folder);
    if (names === undefined) return;
    const real = await fileCalls
      .run(join(folder, '.'), () => realpath(folder))
      .catch((error: unknown) => {
        throw fileError('look for quadlets in', folder, error);
      });
    if (this.#seen.has(real)) return;
    this.#seen.add(real);
    this.found.push(folder);
    this.#left -= names.all;
    if (this.#left < 0) throw tooMany(folder);
    for (const name of names.mayBeFolders) {
      if (depth > 0 && others?.test(name) !== true) await this.add(join(folder, name), depth - 1);
    }
  }
}

type Names = { readonly all: number; readonly mayBeFolders: readonly string[] };

/** undefined: it is no folder, or not there. Folders of drop-ins hold no quadlets. */
async function folderNames(folder: string): Promise<Names | undefined> {
  try {
    const entries = await fileCalls.run(join(folder, '.'), () => readdir(folder, { withFileTypes: true }));
    const folders = entries.filter(
      (entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.endsWith('.d'),
    );
    return { all: entries.length, mayBeFolders: folders.map(({ name }) => name).sort() };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw fileError('look for quadlets in', folder, error);
  }
}

function tooMany(folder: string): PsiError {
  return new PsiError('HOST', `too many files below the quadlet folders to look through, last in ${folder}`, {
    hint: `see what they are: \`ls -R ${folder} | head\``,
  });
}
