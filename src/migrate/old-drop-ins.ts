// `50-secrets.conf` of the Python PSI's setup: it has no mark, so a setup of this psi would take it for the operator's and leave it.

import { DROP_IN_MARK, isPsiDropIn } from '../registration/drop-in.ts';
import type { HostTree } from '../host/host-tree.ts';

export type OldDropIn = { readonly path: string; readonly text: string };

const FILE = '50-secrets.conf';

/** Whoever changed one by hand has lines in it that its setup never wrote: that one stays as it is. */
const LINES = /^(?:|\[Unit\]|\[Container\]|(?:After|Wants)=.*|Secret=[^,]+--[^,]+,type=env,target=[^,]+)$/;

export type FoundDropIns = { readonly old: readonly OldDropIn[]; readonly changed: readonly string[] };

export async function oldDropIns(tree: Pick<HostTree, 'list' | 'read'>, folder: string): Promise<FoundDropIns> {
  const old: OldDropIn[] = [];
  const changed: string[] = [];
  for (const { name, kind } of await tree.list(folder)) {
    if (kind !== 'folder' || !name.endsWith('.container.d')) continue;
    const path = `${folder}/${name}/${FILE}`;
    const text = await tree.read(path);
    if (text === undefined || isPsiDropIn(text)) continue;
    if (text.split('\n').every((line) => LINES.test(line))) old.push({ path, text });
    else changed.push(path);
  }
  return { old, changed };
}

/** Its lines stay until the setup of this psi has written its own. */
export function taken({ text }: OldDropIn): string {
  return `${DROP_IN_MARK}\n\n${text}`;
}
