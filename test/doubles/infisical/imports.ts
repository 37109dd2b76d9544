// Resolves a folder's imports into groups. The order is the server's: groups in list order (the client lets the last
// one win), nested imports appended behind a group's own secrets (the first occurrence wins), never merged here.
import { allows } from './access.ts';
import { folderAt } from './state.ts';
import type { Generation, Identity, ImportLink, Place, StoredSecret } from './model.ts';

const DEPTH = 10;

export interface ImportedSecret {
  readonly place: Place;
  readonly secret: StoredSecret;
}

export interface ImportGroup {
  readonly link: ImportLink;
  readonly folderId: string | undefined;
  readonly secrets: readonly ImportedSecret[];
}

interface Walk {
  readonly identity: Identity;
  readonly generation: Generation;
  /** Values are wanted, so secrets without readValue are dropped and not only those without describe. */
  readonly values: boolean;
}

export function importGroups(place: Place, walk: Walk): readonly ImportGroup[] {
  return linksAt(place).map((link) => {
    const source = sourceOf(place, link);
    return { link, folderId: folderAt(source)?.id, secrets: collect(source, walk, DEPTH) };
  });
}

function collect(source: Place, walk: Walk, depth: number): readonly ImportedSecret[] {
  const own = [...(folderAt(source)?.secrets.values() ?? [])]
    .filter((secret) => secret.type === 'shared' && mayImport(source, secret, walk))
    .map((secret) => ({ place: source, secret }));
  if (depth === 0) return own;
  const links = linksAt(source);
  // The 2024 server appends the first nested group only.
  const nested = walk.generation === '2024' ? links.slice(0, 1) : links;
  return [...own, ...nested.flatMap((link) => collect(sourceOf(source, link), walk, depth - 1))];
}

function mayImport(place: Place, secret: StoredSecret, walk: Walk): boolean {
  if (!allows(walk.identity, 'describe', place, secret.key)) return false;
  return !walk.values || allows(walk.identity, 'readValue', place, secret.key);
}

function sourceOf(place: Place, link: ImportLink): Place {
  return { project: place.project, environment: link.environment, path: link.path };
}

function linksAt(place: Place): readonly ImportLink[] {
  return folderAt(place)?.imports ?? [];
}
