// The lookup helper on a host, looked for to be taken away, and what writes of it left that were killed.

import { HELPER_NAME, helperPath } from '../../registration/driver-command/helper-call.ts';
import { mounted, seen } from '../command/places.ts';
import type { HostTree } from '../host-tree.ts';
import { folderOf, type HostLayout } from '../layout.ts';
import { isHelperText } from './judge.ts';
import { hasOwnContainerMount } from './mount.ts';

export type HelperOnHost = {
  readonly own: readonly string[];
  /** Its folder, and the one above it if that was made for it: gone with it where nothing else is in them. */
  readonly folders: readonly string[];
  readonly foreign: readonly string[];
  /** It may be there, in a folder that this container does not see. */
  readonly unseen: readonly string[];
};

/** Lies beside the helper where the folder above its own was not there before. */
export const MADE_ABOVE = '.made-above';

const LEFTOVER = new RegExp(`^\\.${HELPER_NAME}\\.[0-9a-f]{12}\\.tmp$`);

export async function helperOnHost(tree: Pick<HostTree, 'list' | 'read'>, layout: HostLayout): Promise<HelperOnHost> {
  const path = helperPath(layout.helperDir);
  const at = seen(layout, path);
  const folder = folderOf(at);
  const there = await tree.list(folder);
  const kind = there.find(({ name }) => name === HELPER_NAME)?.kind;
  const isOwn = kind === 'file' && isHelperText(await tree.read(at));
  const beside = there.filter(
    (entry) => entry.kind === 'file' && (LEFTOVER.test(entry.name) || entry.name === MADE_ABOVE),
  );
  return {
    own: [...beside.map(({ name }) => `${folder}/${name}`), ...(isOwn ? [at] : [])],
    folders: there.some(({ name }) => name === MADE_ABOVE) ? [folder, folderOf(folder)] : [folder],
    foreign: kind === undefined || isOwn ? [] : [path],
    unseen: (await isBlind(tree, layout)) ? [path] : [],
  };
}

async function isBlind(tree: Pick<HostTree, 'list'>, layout: HostLayout): Promise<boolean> {
  const { helperDir } = layout;
  const [mount, at] = [mounted(layout), seen(layout, helperDir)];
  const shown = mount !== undefined && at !== helperDir ? mount : hasOwnContainerMount(layout) ? undefined : helperDir;
  return shown !== undefined && (await tree.list(shown)).length === 0;
}
