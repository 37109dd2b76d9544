// `psi install` and the lookup helper: puts it on the host, or with --no-helper takes it away. Lookups are answered with and without one.

import { toPsiError } from '../../core/error.ts';
import { movedAway, shellWord } from '../../core/text/shell.ts';
import { helperPath } from '../../registration/driver-command/helper-call.ts';
import type { Staying } from '../../registration/prune-report.ts';
import type { HostChange } from '../change.ts';
import { asOnHost, seen } from '../command/places.ts';
import type { HostFiles } from '../host-files.ts';
import type { HostTree } from '../host-tree.ts';
import { folderOf, type HostLayout } from '../layout.ts';
import { helperOnHost, MADE_ABOVE } from './find.ts';
import type { HelperFiles } from './helper-files.ts';
import { hasOwnContainerMount } from './mount.ts';
import { HELPER_MODE, judgeHelper, type HelperState } from './judge.ts';

export type HelperDeps = {
  readonly files: Pick<HostFiles, 'hasFolder' | 'write'>;
  readonly tree: Pick<HostTree, 'list' | 'read' | 'remove' | 'removeFolder'>;
  readonly helper: HelperFiles;
  readonly layout: HostLayout;
};

export type HelperReport = {
  readonly changes: readonly HostChange[];
  /** Where nothing is written: what would be. */
  readonly planned: { readonly path: string; readonly mode: number; readonly bytes: number } | undefined;
  /** Why lookups go by curl although a helper was wished for, or what is in its place; and what to do. */
  readonly left: readonly Staying[];
  readonly notes: readonly string[];
};

/** `wanted`: false takes it away. `write`: otherwise nothing is written. */
export async function placeHelper(
  deps: HelperDeps,
  { wanted, write }: { readonly wanted: boolean; readonly write: boolean },
): Promise<HelperReport> {
  const path = helperPath(deps.layout.helperDir);
  try {
    const own = await deps.helper.own();
    if (own === undefined) return { ...NOTHING, notes: wanted ? [NOT_BUILT] : [] };
    if (!write) return { ...NOTHING, planned: wanted ? { path, mode: HELPER_MODE, bytes: own.length } : undefined };
    const at = seen(deps.layout, path);
    const state = judgeHelper(await deps.helper.look(at), own);
    return wanted ? await put(deps, own, { path, at, state }) : await takeAway(deps, { path, at, state });
  } catch (thrown) {
    const { message, hint = '' } = toPsiError(thrown);
    return leaves({ subject: path, reason: asOnHost(message), hint: `${hint}; ${UNTIL_THEN}` });
  }
}

const NOTHING: HelperReport = { changes: [], planned: undefined, left: [], notes: [] };
const UNTIL_THEN = 'until then lookups go by curl, which takes longer (`psi install --no-helper` leaves it at that)';
const NOT_BUILT =
  'this psi was built without the lookup helper, so lookups go by curl, which takes longer: `npm run helper` builds it';

function leaves(staying: Staying): HelperReport {
  return { ...NOTHING, left: [staying] };
}

/** `at`: where this PSI finds the path of the host. */
type Place = { readonly path: string; readonly at: string; readonly state: HelperState };

async function put(deps: HelperDeps, own: Uint8Array, { path, at, state }: Place): Promise<HelperReport> {
  if (state.is === 'foreign') return leaves(notOurs(path, state.why));
  if (state.is === 'good') return { ...NOTHING, changes: [{ path, change: 'unchanged' }] };
  if (!(await reachesHost(deps))) return leaves(notSeen(deps.layout.helperDir));
  const above = folderOf(folderOf(at));
  const isAboveThere = await deps.files.hasFolder(above);
  if (state.is !== 'barred') await deps.helper.write(at, own);
  if (!isAboveThere)
    await deps.files.write(`${folderOf(at)}/${MADE_ABOVE}`, `PSI made ${asOnHost(above)} too.\n`, 0o644);
  const after = judgeHelper(await deps.helper.look(at), own);
  const changes = [{ path, change: CHANGES[state.is] }];
  if (after.is === 'barred') return { ...NOTHING, changes, left: [barred(path, after.why)] };
  return { ...NOTHING, changes };
}

const CHANGES = { missing: 'created', bad: 'written', barred: 'unchanged' } as const;

async function takeAway({ tree, layout }: HelperDeps, { path, state }: Place): Promise<HelperReport> {
  if (state.is === 'foreign') return leaves(notOurs(path, state.why));
  const { own, folders } = await helperOnHost(tree, layout);
  for (const one of own) await tree.remove(one);
  // The folder says that there was one: see service/placed-helper.ts.
  for (const folder of folders) await tree.removeFolder(folder);
  return state.is === 'missing' ? NOTHING : { ...NOTHING, changes: [{ path, change: 'removed' }] };
}

async function reachesHost({ files, layout }: HelperDeps): Promise<boolean> {
  return hasOwnContainerMount(layout) || files.hasFolder(layout.helperDir);
}

function notSeen(folder: string): Staying {
  const [mount, make] = [shellWord(`${folder}:${folder}`), shellWord(folder)];
  return {
    subject: folder,
    reason: 'this container does not see it, and the lookup helper goes there (`lookup.helper_dir`)',
    hint: `\`mkdir -p ${make}\`, and give \`podman run\` one mount more: \`-v ${mount}\`; ${UNTIL_THEN}`,
  };
}

function notOurs(path: string, why: string): Staying {
  return {
    subject: path,
    reason: `it ${why}, and was not put there by psi`,
    hint: `look at it, then move it away: \`${movedAway([path], '.mine')}\`, and run this again; ${UNTIL_THEN}`,
  };
}

function barred(path: string, why: string): Staying {
  return {
    subject: path,
    reason: `it ${why}`,
    hint: `set \`lookup.helper_dir\` in the config to a folder where programs may run, then \`psi install\` and \`psi setup\`; ${UNTIL_THEN}`,
  };
}
