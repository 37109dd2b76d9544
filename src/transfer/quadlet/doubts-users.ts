// Files that the user whom a container runs as may not read.

import { printable } from '../../core/naming.ts';
import { claimOf, type SecretUse } from '../../core/workload.ts';
import { lastOf, linesOf, wordsOf, type DoubtedUnit } from './doubted-unit.ts';

type User = {
  readonly place: string;
  /** `User=1000`, as it stands there. */
  readonly text: string;
  /** undefined: a name, whose number is the image's. */
  readonly uid: number | undefined;
  /** undefined: what the image says of the user counts. A quadlet that names a group has the image not asked. */
  readonly groups: ReadonlySet<number> | undefined;
};

export function shutOut(of: DoubtedUnit, files: readonly SecretUse[]): readonly string[] {
  const user = readsAll(of) ? undefined : userOf(of);
  if (!user) return [];
  return files.flatMap((file) => {
    const { mode = '0444', uid = 0, gid = 0 } = file;
    if (mayRead(user, Number.parseInt(mode, 8), uid, gid)) return [];
    const whose = `mode ${mode} of ${String(uid)}:${String(gid)}`;
    return [
      `${user.place}: ${printable(user.text)} may not read the file ${printable(claimOf(file))} (${whose}): give it \`uid\` or \`gid\`, or a mode with which others read it`,
    ];
  });
}

/** Yes where it cannot be told: a name may be any number, and an image may put a user into any group. The kernel looks at one class alone. */
function mayRead(user: User, mode: number, uid: number, gid: number): boolean {
  if (user.uid === uid) return (mode & 0o400) !== 0;
  const mayOwn = user.uid === undefined && uid !== 0;
  const shared = user.groups === undefined ? 0o044 : user.groups.has(gid) ? 0o040 : 0o004;
  return (mode & (mayOwn ? shared | 0o400 : shared)) !== 0;
}

/** With such a right no mode is looked at. */
function readsAll(of: DoubtedUnit): boolean {
  const rights = wordsOf(of, 'AddCapability').map((word) => word.toLowerCase().replace(/^cap_/, ''));
  return ['all', 'dac_override', 'dac_read_search'].some((right) => rights.includes(right));
}

/** undefined: root, who reads everything, or nobody knows. */
function userOf(of: DoubtedUnit): User | undefined {
  const given = lastOf(of, 'User');
  const [name = '', group] = given?.text.split(':') ?? [];
  if (!given || name === '') return keptUser(of);
  if (name === 'root' || Number(name) === 0) return undefined;
  const groups = group ?? lastOf(of, 'Group')?.text;
  return { place: given.place, text: `User=${name}`, uid: numberOf(name), groups: groupsOf(of, groups) };
}

/** Of the groups that a container has beside the user's own, each is a number or a name of the image's. */
function groupsOf(of: DoubtedUnit, group: string | undefined): User['groups'] {
  if (group === undefined) return undefined;
  const numbers = [group, ...linesOf(of, 'GroupAdd').map(({ text }) => text)].map(groupNumber);
  const known = numbers.filter((number) => number !== undefined);
  return known.length === numbers.length ? new Set(known) : undefined;
}

function groupNumber(text: string): number | undefined {
  return text === 'root' ? 0 : numberOf(text);
}

/** `UserNS=keep-id` has the container run as who started it, or as the number that stands there. */
function keptUser(of: DoubtedUnit): User | undefined {
  const given = lastOf(of, 'UserNS');
  const [, options] = /^keep-id(?::(.*))?$/.exec(given?.text ?? '') ?? [];
  if (!given?.text.startsWith('keep-id')) return undefined;
  const uid = numberOf(/(?:^|,)uid=([^,]*)/.exec(options ?? '')?.[1] ?? of.names.specifiers['U'] ?? '');
  const gid = numberOf(/(?:^|,)gid=([^,]*)/.exec(options ?? '')?.[1] ?? '');
  if (uid === undefined || uid === 0) return undefined;
  return {
    place: given.place,
    text: `UserNS=${given.text}`,
    uid,
    groups: gid === undefined ? undefined : new Set([gid]),
  };
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
