// How a folder looks in an answer, per server.
import { parentOf, segmentsOf } from './paths.ts';
import type { Traits } from './generations.ts';
import type { Environment, Folder } from './model.ts';

export function renderFolder(
  folder: Folder,
  environment: Environment,
  { shapes }: Traits,
  use: 'made' | 'listed',
): object {
  const { id, path } = folder;
  const name = segmentsOf(path).at(-1) ?? 'root';
  if (shapes === '2025') return folderOf2025(folder, environment, name);
  return use === 'made' ? { id, name, path, envId: environment.id, version: 1 } : { id, name, path, version: 1 };
}

/** Seen on June 2025 (row 31): the row of the database, which has a parent and no path. */
function folderOf2025({ id, path, createdAt }: Folder, environment: Environment, name: string): object {
  const parent = parentOf(path);
  return {
    ...{ id, name, version: 1, createdAt, updatedAt: createdAt, envId: environment.id },
    parentId: parent === undefined ? null : (environment.folders.get(parent)?.id ?? null),
    ...{ isReserved: false, description: null, lastSecretModified: null },
  };
}
