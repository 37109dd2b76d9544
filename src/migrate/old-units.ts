// The units of the Python PSI. It marks none of its files, so they are known by name together with what stands in them.

import type { HostEntry, HostTree } from '../host/host-tree.ts';
import { isPsiUnit } from '../host/units/unit-file.ts';

/** In the order in which they are stopped: a timer starts a setup, and that the server. */
const ROLES = ['timer', 'job', 'server', 'pcscd', 'volume'] as const;

export type Role = (typeof ROLES)[number];

export type OldUnit = {
  readonly path: string;
  readonly role: Role;
  /** As systemd knows it. */
  readonly unit: string;
  readonly made: 'native' | 'container';
  readonly text: string;
  /** The admin's, with their text. */
  readonly dropIns: readonly { readonly path: string; readonly text: string }[];
};

export type OldUnits = {
  readonly units: readonly OldUnit[];
  /** Named as theirs, and not theirs. */
  readonly foreign: readonly string[];
  /** What `systemctl enable` made for them. */
  readonly links: readonly { readonly path: string; readonly unit: string }[];
};

const NAMES: readonly (readonly [RegExp, Role])[] = [
  [/^psi-secrets\.(?:service|container)$/, 'server'],
  [/^psi-(?:.+-(?:setup|refresh)|tls-renew)\.timer$/, 'timer'],
  [/^psi-(?:.+-(?:setup|refresh)|tls-renew)\.(?:service|container)$/, 'job'],
  [/^pcscd\.container$/, 'pcscd'],
  [/^pcscd-socket\.volume$/, 'volume'],
];

const WORDS =
  /^(?:Description=(?:Daily |Periodic )?PSI |Description=pcscd smartcard daemon for HSM access|VolumeName=)/m;
const CALLS = /^(?:ExecStart=\S*psi|Exec=) ?(?:serve|setup|tls renew)\b/m;

type Folders = { readonly unitDir: string; readonly quadletDirs: readonly string[] };

export async function oldUnits(tree: Pick<HostTree, 'list' | 'read'>, folders: Folders): Promise<OldUnits> {
  const found = await Promise.all(
    [...new Set([folders.unitDir, ...folders.quadletDirs])].map((folder) => inFolder(tree, folder, folders)),
  );
  const units = found.flatMap((one) => one.units).toSorted((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role));
  const names = new Set(units.map(({ unit }) => unit));
  return { units, foreign: found.flatMap((one) => one.foreign), links: await links(tree, folders.unitDir, names) };
}

async function inFolder(
  tree: Pick<HostTree, 'list' | 'read'>,
  folder: string,
  folders: Folders,
): Promise<Pick<OldUnits, 'units' | 'foreign'>> {
  const units: OldUnit[] = [];
  const foreign: string[] = [];
  for (const { name, kind } of await tree.list(folder)) {
    const role = NAMES.find(([pattern]) => pattern.test(name))?.[1];
    const path = `${folder}/${name}`;
    const text = role === undefined || kind === 'folder' ? undefined : await tree.read(path);
    if (role === undefined || text === undefined || isPsiUnit(text)) continue;
    if (WORDS.test(text) || CALLS.test(text)) {
      const unit = unitOf(name);
      const made = /\.(?:container|volume)$/.test(name) ? 'container' : 'native';
      units.push({ path, role, unit, made, text, dropIns: await dropIns(tree, name, unit, folders) });
      // A smart card daemon may well be somebody else's.
    } else if (name.startsWith('psi')) foreign.push(path);
  }
  return { units, foreign };
}

function unitOf(name: string): string {
  return name.replace(/\.container$/, '.service').replace(/\.volume$/, '-volume.service');
}

async function dropIns(
  tree: Pick<HostTree, 'list' | 'read'>,
  name: string,
  unit: string,
  { unitDir, quadletDirs }: Folders,
): Promise<OldUnit['dropIns']> {
  const places = new Set([`${unitDir}/${unit}.d`, ...quadletDirs.map((folder) => `${folder}/${name}.d`)]);
  const found = await Promise.all([...places].map(async (folder) => filesOf(folder, await tree.list(folder))));
  return Promise.all(found.flat().map(async (path) => ({ path, text: (await tree.read(path)) ?? '' })));
}

function filesOf(folder: string, entries: readonly HostEntry[]): readonly string[] {
  return entries.filter(({ name }) => name.endsWith('.conf')).map(({ name }) => `${folder}/${name}`);
}

async function links(
  tree: Pick<HostTree, 'list'>,
  unitDir: string,
  names: ReadonlySet<string>,
): Promise<OldUnits['links']> {
  const folders = (await tree.list(unitDir)).filter(({ name }) => /\.(?:wants|requires)$/.test(name));
  const found = folders.map(async ({ name }) =>
    (await tree.list(`${unitDir}/${name}`))
      .filter((entry) => entry.kind === 'link' && names.has(entry.name))
      .map((entry) => ({ path: `${unitDir}/${name}/${entry.name}`, unit: entry.name })),
  );
  return (await Promise.all(found)).flat();
}
