// Values that nothing but this host has: what an uninstall would lose for good.

import { decodeStored } from '../core/mapping.ts';
import { isSecretId } from '../core/naming.ts';
import type { Staying } from '../registration/prune-report.ts';
import type { RegisteredSecret } from '../registration/registered-secret.ts';
import { isSealedName } from '../sealed/names.ts';
import type { HostTree } from './host-tree.ts';

/** `going`: secrets that uninstall removes, whose mappings are known. `listed`: all of Podman's. */
export async function ownValues(
  tree: Pick<HostTree, 'list' | 'read'>,
  stateDir: string,
  { going, listed }: { readonly going: readonly RegisteredSecret[]; readonly listed: readonly RegisteredSecret[] },
): Promise<readonly Staying[]> {
  const known = new Set(going.map(({ id }) => id));
  const names = new Map(listed.map(({ id, name }) => [id, name]));
  const sealed = await filesIn(tree, sealedFolder(stateDir), isSealedName);
  const others = await filesIn(tree, stateDir, (name) => isSecretId(name) && !known.has(name));
  const blobs: Staying[] = [];
  for (const id of others) {
    const mapping = decodeStored((await tree.read(`${stateDir}/${id}`)) ?? '');
    if (mapping && 'blob' in mapping) blobs.push(ofToken(names.get(id) ?? id));
  }
  return [...sealed.map((name) => ofHost(name)), ...blobs];
}

export function sealedFolder(stateDir: string): string {
  return `${stateDir}/sealed`;
}

async function filesIn(
  tree: Pick<HostTree, 'list'>,
  folder: string,
  ours: (name: string) => boolean,
): Promise<readonly string[]> {
  return (await tree.list(folder)).filter(({ name, kind }) => kind === 'file' && ours(name)).map(({ name }) => name);
}

function ofHost(name: string): Staying {
  return {
    subject: name,
    reason: 'this sealed secret is nowhere but on this host',
    hint: `\`podman exec psi psi sealed export ${name} > FILE\` keeps its value, then \`podman exec psi psi sealed remove ${name}\`; then run this again`,
  };
}

function ofToken(name: string): Staying {
  return {
    subject: name,
    reason: 'its mapping holds the value itself, which is nowhere else',
    hint: `\`podman secret inspect --showsecret ${name}\` shows the value, then \`podman secret rm ${name}\`; then run this again`,
  };
}
