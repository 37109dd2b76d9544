// The host's command and its completions, looked for on the host.

import type { HostTree } from '../host-tree.ts';
import { folderOf, type HostLayout } from '../layout.ts';
import { commandPlaces, mounted, seen } from './places.ts';
import { isPsiCompletion } from './put.ts';
import { isPsiCommand } from './script.ts';

export type CommandFiles = {
  /** The command last: what is ended before that is gone on with by it. */
  readonly own: readonly string[];
  /** Of others too. */
  readonly folders: readonly string[];
  readonly foreign: readonly string[];
  readonly unseen: readonly string[];
};

export async function commandFiles(tree: HostTree, layout: HostLayout): Promise<CommandFiles> {
  const { command, completions } = commandPlaces(layout);
  const found = await Promise.all([
    ...completions.map(({ path }) => look(tree, layout, path, isPsiCompletion)),
    look(tree, layout, command, isPsiCommand),
  ]);
  const mount = mounted(layout);
  // The host's own has folders in it.
  const blind = mount !== undefined && (await tree.list(mount)).length === 0;
  return {
    own: found.flatMap(({ path, whose }) => (whose === 'ours' ? [path] : [])),
    folders: layout.scope === 'user' ? [folderOf(command)] : [],
    foreign: found.flatMap(({ path, whose }) => (whose === 'foreign' ? [path] : [])),
    unseen: blind ? [command] : [],
  };
}

async function look(
  tree: HostTree,
  layout: HostLayout,
  onHost: string,
  isOurs: (text: string) => boolean,
): Promise<{ readonly path: string; readonly whose: 'ours' | 'foreign' | 'nobody' }> {
  const path = seen(layout, onHost);
  const there = await tree.list(folderOf(path));
  const kind = there.find(({ name }) => name === path.slice(path.lastIndexOf('/') + 1))?.kind;
  if (kind === undefined) return { path, whose: 'nobody' };
  const ours = kind === 'file' && isOurs((await tree.read(path)) ?? '');
  return ours ? { path, whose: 'ours' } : { path: onHost, whose: 'foreign' };
}
