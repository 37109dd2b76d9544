// The files of an installation: units with PSI's mark, the links that enable them, the default driver, sockets, the state folder. What lies in
// these places without being PSI's is named, and left.

import { isSecretId } from '../core/naming.ts';
import { commandFiles } from './command/find.ts';
import { isPsiDefaultDriver } from './default-driver.ts';
import { helperOnHost } from './helper/find.ts';
import type { HostEntry, HostTree } from './host-tree.ts';
import {
  ALIAS_FILE,
  cacheKeyFolder,
  credentialsFolder,
  firstQuadlets,
  folderOf,
  METRICS_FILE,
  runtimeFolder,
  type HostLayout,
} from './layout.ts';
import { sealedFolder } from './own-values.ts';
import { isPsiUnit } from './units/unit-file.ts';

export type InstalledFiles = {
  /** Of units, in the order in which they go: links before what they lead to. */
  readonly units: readonly string[];
  /** Names of units that may be running. */
  readonly running: readonly string[];
  /** The rest. */
  readonly files: readonly string[];
  /** PSI's own, the inner ones first: what is in them then is named. */
  readonly folders: readonly string[];
  /** Of others too: removed if nothing is in them then. */
  readonly shared: readonly string[];
  /** Paths of what is not PSI's, or was changed by hand. */
  readonly foreign: readonly string[];
  /** Paths of what cannot be looked at from here, of what install puts on a host. */
  readonly unseen: readonly string[];
};

const UNIT = /^psi[.@-].*(?:service|socket|timer)$/;
const QUADLETS: readonly string[] = ['psi.container', 'pcscd.container'];
/** Beside mappings and temporary files. */
const STATE =
  /^(?:driver\.hdr|config\.last-good|names\.json|(?:reload|replace|setup)\.owed|cache\.enc(?:\.bad(?:\.\d+)?)?|\.token\.[0-9a-f]{12}\.json|hsm-key\.[0-9a-f]{12}\.pem|\..+\.[0-9a-f]{12}\.tmp)$/;
const CERTIFICATE_STATE = /^(?:[A-Za-z0-9][A-Za-z0-9._-]*\.json|\.lock|\..+\.[0-9a-f]{12}\.tmp)$/;
/** What lies aside of sealed values, and what is left of killed writes: a value that is in use keeps uninstall from going on. */
const ASIDE = /^[A-Za-z0-9][A-Za-z0-9._-]*~\d{1,15}$/;
const KILLED = /^\..+\.[0-9a-f]{12}\.tmp$/;
/** In the folder of node_exporter. */
const FIGURES = new RegExp(`^(?:${METRICS_FILE}|\\.${METRICS_FILE}\\.[0-9a-f]{12}\\.tmp)$`);
/** Beside the sockets: what psi.service counts its failed starts with. */
const RUNTIME = /^(?:\.?start-failed|starts)$/;

export async function installedFiles(
  tree: HostTree,
  layout: HostLayout,
  { keepState }: { readonly keepState: boolean },
): Promise<InstalledFiles> {
  const [units, quadlets] = await Promise.all([
    marked(tree, layout.unitDir, (name) => UNIT.test(name)),
    marked(tree, layout.systemdDir, (name) => QUADLETS.includes(name)),
  ]);
  const own = [...units.own, ...quadlets.own];
  const command = await commandFiles(tree, layout);
  const helper = await helperOnHost(tree, layout);
  const driver = `${layout.containersConfDir}/psi.conf`;
  const driverText = await tree.read(driver);
  const state = keepState ? NOTHING : await stateFiles(tree, layout);
  const runtime = await runtimeFiles(tree, layout);
  const { textfileDir } = layout;
  const alias = `${layout.systemdDir}/${ALIAS_FILE}`;
  const aliases = await pick(tree, folderOf(alias), (name) => name === baseOf(alias));
  const figures = textfileDir === undefined ? [] : await pick(tree, textfileDir, (name) => FIGURES.test(name));
  const { folders: linkFolders, links } = await enabling(tree, layout.unitDir, new Set(own));
  return {
    units: [...links, ...own],
    running: runningUnits(own),
    files: [
      ...(isDriver(driverText) ? [driver] : []),
      ...aliases,
      ...runtime.files,
      ...figures,
      ...state.files,
      ...helper.own,
      ...command.own,
    ],
    folders: state.folders,
    shared: [
      ...linkFolders,
      ...(aliases.length > 0 ? [folderOf(alias)] : []),
      ...runtime.folders,
      firstQuadlets(layout),
      folderOf(layout.configFile),
      ...helper.folders,
      ...command.folders,
    ],
    foreign: [
      ...units.foreign,
      ...quadlets.foreign,
      ...(driverText !== undefined && !isDriver(driverText) ? [driver] : []),
      ...helper.foreign,
      ...command.foreign,
    ],
    unseen: [...command.unseen, ...helper.unseen],
  };
}

type Some = { readonly files: readonly string[]; readonly folders: readonly string[] };

const NOTHING: Some = { files: [], folders: [] };

function isDriver(text: string | undefined): boolean {
  return text !== undefined && isPsiDefaultDriver(text);
}

async function marked(
  tree: HostTree,
  folder: string,
  ours: (name: string) => boolean,
): Promise<{ readonly own: readonly string[]; readonly foreign: readonly string[] }> {
  const own: string[] = [];
  const foreign: string[] = [];
  for (const { name, kind } of await tree.list(folder)) {
    if (!ours(name)) continue;
    const path = `${folder}/${name}`;
    // A link may lead out of the folder, and what it leads to is somebody else's.
    const text = kind === 'file' ? await tree.read(path) : undefined;
    (text !== undefined && isPsiUnit(text) ? own : foreign).push(path);
  }
  return { own, foreign };
}

/** What `systemctl enable` made: links to these units, in folders that it makes for them. */
async function enabling(
  tree: HostTree,
  unitDir: string,
  units: ReadonlySet<string>,
): Promise<{ readonly links: readonly string[]; readonly folders: readonly string[] }> {
  const folders = (await tree.list(unitDir)).filter(
    ({ name, kind }) => kind === 'folder' && /\.(?:wants|requires)$/.test(name),
  );
  const found = await Promise.all(
    folders.map(async ({ name }) => {
      const folder = `${unitDir}/${name}`;
      const entries = (await tree.list(folder)).filter((entry) => leadsTo(entry, folder, units));
      return { folder, links: entries.map((entry) => `${folder}/${entry.name}`) };
    }),
  );
  const some = found.filter(({ links }) => links.length > 0);
  return { links: some.flatMap(({ links }) => links), folders: some.map(({ folder }) => folder) };
}

function leadsTo({ kind, target }: HostEntry, folder: string, units: ReadonlySet<string>): boolean {
  if (kind !== 'link' || target === undefined) return false;
  return units.has(target.replace(/^\.\.\//, `${folderOf(folder)}/`));
}

/** Instances of a template are not among them: systemd alone knows which there are. */
function runningUnits(paths: readonly string[]): readonly string[] {
  const names = paths.map((path) => baseOf(path).replace(/\.container$/, '.service'));
  return names.filter((name) => !name.includes('@'));
}

async function stateFiles(tree: HostTree, { stateDir, cache }: HostLayout): Promise<Some> {
  const tls = `${stateDir}/tls`;
  const own = await pick(tree, stateDir, (name) => STATE.test(name) || isSecretId(name));
  const certificates = await pick(tree, tls, (name) => CERTIFICATE_STATE.test(name));
  const sealed = sealedFolder(stateDir);
  const aside = await pick(tree, `${sealed}/.aside`, (name) => ASIDE.test(name));
  const killed = await pick(tree, sealed, (name) => KILLED.test(name));
  const elsewhere =
    cache !== undefined && folderOf(cache.path) !== stateDir
      ? await pick(tree, folderOf(cache.path), (name) => name === baseOf(cache.path))
      : [];
  const files = [...own, ...certificates, ...aside, ...killed, ...elsewhere];
  return { files, folders: [tls, `${sealed}/.aside`, sealed, stateDir] };
}

async function runtimeFiles(tree: HostTree, layout: HostLayout): Promise<Some> {
  const folder = folderOf(layout.socket);
  const runtime = runtimeFolder(layout);
  const counted = await pick(tree, folder, (name) => RUNTIME.test(name) || name === baseOf(layout.socket));
  const mounts = await pick(tree, runtime, (name) => name === 'psi-mounts');
  return {
    files: [...counted, ...mounts],
    // A folder of systemd's own goes with its unit.
    folders: [
      folder,
      `${runtime}/psi-absent`,
      credentialsFolder(layout),
      ...(layout.scope === 'user' ? [cacheKeyFolder(layout)] : []),
    ],
  };
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function pick(tree: HostTree, folder: string, ours: (name: string) => boolean): Promise<readonly string[]> {
  const entries = await tree.list(folder);
  return entries.filter(({ name, kind }) => kind !== 'folder' && ours(name)).map(({ name }) => `${folder}/${name}`);
}
