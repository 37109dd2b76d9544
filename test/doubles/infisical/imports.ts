// Resolves imports into groups, in the server's way: groups in list order (the client lets the last one win), nested imports appended
// behind a group's own secrets (the first occurrence wins), never merged here.
import { allows } from './access.ts';
import { folderAt } from './state.ts';
import type { Traits } from './generations.ts';
import type { Identity, ImportLink, Place, StoredSecret } from './model.ts';

const DEPTH = 10;

export interface ImportedSecret {
  readonly place: Place;
  readonly secret: StoredSecret;
}

export interface ImportGroup {
  readonly link: ImportLink;
  /** Where its secrets come from: the direct import's place, for nested ones too. */
  readonly source: Place;
  readonly folderId: string | undefined;
  readonly secrets: readonly ImportedSecret[];
}

export interface Walk {
  readonly identity: Identity;
  readonly traits: Traits;
  /** Secrets whose values may not be read are dropped, and not only those that may not be described. */
  readonly readable: boolean;
}

interface Level {
  readonly links: readonly ImportLink[];
  readonly into: ImportedSecret[];
  readonly depth: number;
}

/** Of one folder, or of all that a recursive list shows. */
export function importGroups(places: readonly Place[], walk: Walk): readonly ImportGroup[] {
  const [home] = places;
  if (home === undefined) return [];
  if (walk.traits.imports === 'ten levels of first groups') return firstGroups(home, walk);
  return groupsByLevel(home, places.flatMap(linksAt), walk);
}

/**
 * Read in the sources of June 2025 and of 2026, and seen on June 2025 (row 7): the secrets of each level are appended to the level above
 * it, which at that time has been copied into its group already. So what is deeper than one level below a direct import is lost. A folder
 * that was imported once is not imported again, wherever it is named.
 */
function groupsByLevel(home: Place, links: readonly ImportLink[], walk: Walk): readonly ImportGroup[] {
  const groups: ImportGroup[] = [];
  const seen = new Set<string>();
  const levels: Level[] = [{ links, into: [], depth: 0 }];
  for (let level = levels.pop(); level !== undefined; level = levels.pop()) {
    if (level.depth > DEPTH) continue;
    const fresh = level.links.filter((link) => !seen.has(nameOf(link)));
    if (!fresh.some((link) => folderAt(sourceOf(home, link)) !== undefined)) continue;
    for (const link of fresh) seen.add(nameOf(link));
    const direct = groups.length === 0;
    for (const link of fresh) {
      const source = sourceOf(home, link);
      const secrets = importedFrom(source, walk);
      const deeper = linksAt(source);
      if (deeper.length > 0) levels.push({ links: deeper, into: secrets, depth: level.depth + 1 });
      if (direct) groups.push({ link, source, folderId: folderAt(source)?.id, secrets });
      else level.into.push(...secrets);
    }
  }
  return groups;
}

/** July 2024: of a folder's nested imports only the first group is appended, to any depth up to ten. */
function firstGroups(home: Place, walk: Walk): readonly ImportGroup[] {
  return linksAt(home).map((link) => {
    const source = sourceOf(home, link);
    return { link, source, folderId: folderAt(source)?.id, secrets: withFirstOfEach(source, walk, DEPTH) };
  });
}

function withFirstOfEach(source: Place, walk: Walk, depth: number): readonly ImportedSecret[] {
  const own = importedFrom(source, walk);
  const nested = depth === 0 ? [] : linksAt(source).slice(0, 1);
  return [...own, ...nested.flatMap((link) => withFirstOfEach(sourceOf(source, link), walk, depth - 1))];
}

function importedFrom(place: Place, walk: Walk): ImportedSecret[] {
  const shared = [...(folderAt(place)?.secrets.values() ?? [])].filter(({ type }) => type === 'shared');
  return shared.filter((secret) => mayImport(place, secret, walk)).map((secret) => ({ place, secret }));
}

function mayImport(place: Place, secret: StoredSecret, walk: Walk): boolean {
  if (!allows(walk.identity, 'describe', place, secret.key)) return false;
  return !walk.readable || allows(walk.identity, 'readValue', place, secret.key);
}

function nameOf({ environment, path }: ImportLink): string {
  return `${environment}=${path}`;
}

function sourceOf(place: Place, link: ImportLink): Place {
  return { project: place.project, environment: link.environment, path: link.path };
}

function linksAt(place: Place): readonly ImportLink[] {
  return folderAt(place)?.imports ?? [];
}
