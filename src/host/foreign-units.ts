// What of another PSI's lies where PSI's units are to be, in any folder that systemd or Podman reads. It is looked for before anything is
// written, and all of it is told at once.

import { PsiError } from '../core/error.ts';
import { movedAway, shellWord } from '../core/text/shell.ts';
import type { UnitManager } from '../registration/unit-manager.ts';
import type { HostFiles } from './host-files.ts';
import type { HostEntry, HostTree } from './host-tree.ts';
import { folderOf, type HostLayout } from './layout.ts';
import { unitFolders } from './unit-folders.ts';
import type { HostUnit } from './units/service.ts';
import { isPsiUnit } from './units/unit-file.ts';

export type ForeignDeps = {
  readonly files: Pick<HostFiles, 'read'>;
  readonly tree: Pick<HostTree, 'list'>;
  readonly unitManager: Pick<UnitManager, 'has'>;
  readonly layout: HostLayout;
  /** Those that Podman reads quadlets from and that are there, in its order. */
  readonly quadletFolders: () => Promise<readonly string[]>;
};

/** `own`: where PSI writes it; undefined: it is made of a quadlet. The folders are in the order of whoever reads them. */
type Sought = {
  readonly name: string;
  readonly own: string | undefined;
  readonly earlier: readonly string[];
  readonly later: readonly string[];
};

/**
 * `foreign`: not written by PSI. `hides`: whoever wrote it, what PSI writes would not be read. `masked`: so that systemd starts none of this
 * name. `unseen`: in a folder that only systemd sees.
 */
type Found = { readonly path: string; readonly why: 'foreign' | 'hides' | 'masked' | 'unseen' | 'drop-in' };

/** `error`: what must not be there, drop-ins beside it too. `notes`: drop-ins that apply to units which are new to this host. */
export type ForeignUnits = { readonly error: PsiError | undefined; readonly notes: readonly string[] };

export async function foreignUnits(given: ForeignDeps, units: readonly HostUnit[]): Promise<ForeignUnits> {
  const deps = { ...given, tree: { list: onceEach((folder) => given.tree.list(folder)) } };
  const sought = soughtFor(deps.layout, units, await deps.quadletFolders());
  const inTheWay = (await Promise.all(sought.map((one) => obstacles(deps, one)))).flat();
  const links = await Promise.all(units.map((unit) => enablingObstacle(deps, unit)));
  const dropIns = (await Promise.all(sought.map((one) => dropInsOf(deps, one)))).flat();
  const found = distinct([...inTheWay, ...links.flat()]);
  const beside = distinct(dropIns.map((path) => ({ path, why: 'drop-in' as const })));
  if (found.length > 0) return { error: refusal([...found, ...beside]), notes: [] };
  return { error: undefined, notes: beside.map(({ path }) => dropInNote(path)) };
}

function soughtFor(
  layout: HostLayout,
  units: readonly HostUnit[],
  quadletFolders: readonly string[],
): readonly Sought[] {
  const { beforeGenerated, afterGenerated } = unitFolders(layout);
  const inUnits = [...beforeGenerated, ...afterGenerated];
  return units.flatMap(({ name, kind }) => {
    if (kind === 'systemd') return [around(name, layout.unitDir, inUnits)];
    const generated = name.replace(/\.container$/, '.service');
    return [
      around(name, layout.systemdDir, quadletFolders),
      // The smart card daemon of a distribution may be there: what is made of a quadlet goes before it.
      { name: generated, own: undefined, earlier: beforeGenerated, later: isOfPsi(generated) ? afterGenerated : [] },
    ];
  });
}

function isOfPsi(name: string): boolean {
  return name.startsWith('psi');
}

function around(name: string, folder: string, folders: readonly string[]): Sought {
  const at = folders.indexOf(folder);
  return {
    name,
    own: `${folder}/${name}`,
    earlier: folders.slice(0, Math.max(at, 0)),
    later: folders.slice(at + 1),
  };
}

async function obstacles(deps: ForeignDeps, { name, own, earlier, later }: Sought): Promise<readonly Found[]> {
  const at = async (folder: string, rank: 'earlier' | 'own' | 'later'): Promise<readonly Found[]> => {
    const text = await textOf(deps, folder, name);
    const why = text === undefined ? undefined : whyInTheWay(text, rank);
    return why === undefined ? [] : [{ path: `${folder}/${name}`, why }];
  };
  const ownFolder = own === undefined ? [] : [folderOf(own)];
  const found = await Promise.all([
    ...earlier.map((folder) => at(folder, 'earlier')),
    ...ownFolder.map((folder) => at(folder, 'own')),
    ...later.map((folder) => at(folder, 'later')),
  ]);
  return found.flat().length > 0 || own === undefined ? found.flat() : unseen(deps, name, [...ownFolder, ...later]);
}

function whyInTheWay(text: string, rank: 'earlier' | 'own' | 'later'): Found['why'] | undefined {
  if (text === '') return 'masked';
  if (!isPsiUnit(text)) return 'foreign';
  return rank === 'earlier' ? 'hides' : undefined;
}

/** A container that installs sees /etc and /run of its host and no more: of the rest systemd knows, where it answers. */
async function unseen(deps: ForeignDeps, name: string, folders: readonly string[]): Promise<readonly Found[]> {
  // A quadlet is no unit, and the one made of it may be left from before.
  if (name.endsWith('.container')) return [];
  for (const folder of folders) if ((await textOf(deps, folder, name)) !== undefined) return [];
  const known = await deps.unitManager.has(name).catch(() => false);
  return known ? [{ path: name, why: 'unseen' }] : [];
}

/** What is no file, or a link that leads nowhere, is none. */
async function textOf({ files, tree }: ForeignDeps, folder: string, name: string): Promise<string | undefined> {
  const entry = (await tree.list(folder)).find((one) => one.name === name);
  if (entry === undefined || entry.kind === 'folder') return undefined;
  return entry.target === '/dev/null' ? '' : files.read(`${folder}/${name}`);
}

/** Units of one folder are looked for one by one. */
function onceEach(list: (folder: string) => Promise<readonly HostEntry[]>): HostTree['list'] {
  const lists = new Map<string, Promise<readonly HostEntry[]>>();
  return (folder) => {
    const listed = lists.get(folder) ?? list(folder);
    lists.set(folder, listed);
    return listed;
  };
}

/** `systemctl enable` makes links and nothing else. */
async function enablingObstacle({ tree, layout }: ForeignDeps, unit: HostUnit): Promise<readonly Found[]> {
  if (unit.wantedBy === undefined) return [];
  const folder = `${layout.unitDir}/${unit.wantedBy}.wants`;
  const there = (await tree.list(folder)).find(({ name }) => name === unit.name);
  return there && there.kind !== 'link' ? [{ path: `${folder}/${unit.name}`, why: 'foreign' }] : [];
}

/** None where PSI's own unit is there: they are its operator's. */
async function dropInsOf(deps: ForeignDeps, { name, own, earlier, later }: Sought): Promise<readonly string[]> {
  if (own === undefined) return [];
  const text = await textOf(deps, folderOf(own), name);
  if (text !== undefined && isPsiUnit(text)) return [];
  const folders = [...earlier, folderOf(own), ...later].map((folder) => `${folder}/${name}.d`);
  const found = await Promise.all(
    folders.map(async (folder) => (await deps.tree.list(folder)).map((entry) => `${folder}/${entry.name}`)),
  );
  return found.flat().filter((path) => path.endsWith('.conf'));
}

function distinct(found: readonly Found[]): readonly Found[] {
  return found.filter(({ path }, index) => found.findIndex((other) => other.path === path) === index);
}

const WORDS: Readonly<Record<Found['why'], string>> = {
  foreign: 'was not written by psi',
  hides: 'is read in the place of the one that psi writes',
  masked: 'is masked, so systemd would start none',
  unseen: 'is known to systemd from a folder that psi does not see here',
  'drop-in': 'would change the unit that psi writes',
};

/** So many are named. */
const MOST_NAMED = 40;

function refusal(found: readonly Found[]): PsiError {
  const named = found.slice(0, MOST_NAMED).map(({ path, why }) => `${path} ${WORDS[why]}`);
  const more = found.length > MOST_NAMED ? `; and ${String(found.length - MOST_NAMED)} more` : '';
  return new PsiError('CONFLICT', `${named.join('; ')}${more}`, { hint: remedy(found) });
}

function remedy(found: readonly Found[]): string {
  const of = (...whys: readonly Found['why'][]): readonly string[] =>
    found.filter(({ why }) => whys.includes(why)).map(({ path }) => path);
  const [files, masks, unseen] = [of('foreign', 'hides', 'drop-in'), of('masked'), of('unseen')];
  return [
    ...(files.length > 0
      ? [`look at ${files.length === 1 ? 'it' : 'them'}, then move away: \`${movedAway(files, '.mine')}\``]
      : []),
    ...(masks.length > 0 ? [`unmask: \`rm ${masks.map(shellWord).join(' ')}\``] : []),
    ...(unseen.length > 0
      ? [`\`systemctl cat ${unseen.join(' ')}\` shows where, and what put it there has to go`]
      : []),
    'nothing was written: then run this again',
  ].join('; ');
}

function dropInNote(path: string): string {
  return `${path} was there before the unit of psi that it changes: look whether it is another psi's, and if so move it away: \`${movedAway([path], '.mine')}\``;
}
