// The lookup helper on a host, looked for to be taken away, and what writes of it left that were killed.

import { HELPER_NAME, helperPath } from '../../registration/driver-command/helper-call.ts';
import { seen } from '../command/places.ts';
import type { HostTree } from '../host-tree.ts';
import { folderOf, type HostLayout } from '../layout.ts';
import { isHelperText } from './judge.ts';

export type HelperOnHost = {
  readonly own: readonly string[];
  /** Its folder, and in a home the one that is made for it: gone with it where nothing else is in them. */
  readonly folders: readonly string[];
  readonly foreign: readonly string[];
};

const LEFTOVER = new RegExp(`^\\.${HELPER_NAME}\\.[0-9a-f]{12}\\.tmp$`);

export async function helperOnHost(tree: HostTree, layout: HostLayout): Promise<HelperOnHost> {
  const path = helperPath(layout.helperDir);
  const at = seen(layout, path);
  const folder = folderOf(at);
  const there = await tree.list(folder);
  const kind = there.find(({ name }) => name === HELPER_NAME)?.kind;
  const isOwn = kind === 'file' && isHelperText(await tree.read(at));
  const leftovers = there.filter((entry) => entry.kind === 'file' && LEFTOVER.test(entry.name));
  return {
    own: [...leftovers.map(({ name }) => `${folder}/${name}`), ...(isOwn ? [at] : [])],
    folders: layout.scope === 'user' ? [folder, folderOf(folder)] : [folder],
    foreign: kind === undefined || isOwn ? [] : [path],
  };
}
