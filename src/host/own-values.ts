// Values that nothing but this host has: what an uninstall would lose for good.

import { decodeStored, newerMappingFormat } from '../core/mapping.ts';
import { isSecretId } from '../core/naming.ts';
import type { Staying } from '../registration/prune-report.ts';
import type { RegisteredSecret } from '../registration/registered-secret.ts';
import { idAtBirth, isSealedName } from '../sealed/names.ts';
import type { HostTree } from './host-tree.ts';

/** `listed`: of Podman. Its names look like those of workloads or not: whoever registers a value by hand may choose. */
export async function ownValues(
  tree: Pick<HostTree, 'list' | 'read'>,
  stateDir: string,
  listed: readonly RegisteredSecret[],
): Promise<readonly Staying[]> {
  const names = new Map(listed.map(({ id, name }) => [id, name]));
  const sealed = await filesIn(tree, sealedFolder(stateDir), isSealedName);
  const ids = await filesIn(tree, stateDir, isSecretId);
  const blobs: Staying[] = [];
  for (const id of ids) {
    const text = (await tree.read(`${stateDir}/${id}`)) ?? '';
    const mapping = decodeStored(text);
    const name = names.get(id) ?? id;
    if (mapping && 'blob' in mapping) blobs.push(ofToken(name));
    if (newerMappingFormat(text) !== undefined) blobs.push(ofNewer(name));
  }
  return [...sealed.map((name) => ofHost(name, names.get(idAtBirth(name) ?? ''))), ...blobs];
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

/** `given`: the name by which people know what Podman was given. */
function ofHost(name: string, given: string | undefined): Staying {
  const known = given === undefined ? '' : `; podman knows it as ${JSON.stringify(given)}`;
  return {
    subject: name,
    reason: `this sealed secret is nowhere but on this host${known}`,
    hint: `\`podman exec psi psi sealed export ${name} > FILE\` keeps its value, then \`podman exec psi psi sealed remove ${name}\`; then run this again`,
  };
}

function ofNewer(name: string): Staying {
  return {
    subject: name,
    reason: 'a newer psi wrote its mapping, which may hold the value itself',
    hint: `uninstall with that psi, or take the secret away: \`podman secret rm ${name}\`; then run this again`,
  };
}

function ofToken(name: string): Staying {
  return {
    subject: name,
    reason: 'its mapping holds the value itself, which is nowhere else',
    hint: `\`podman secret inspect --showsecret ${name}\` shows the value, then \`podman secret rm ${name}\`; then run this again`,
  };
}
