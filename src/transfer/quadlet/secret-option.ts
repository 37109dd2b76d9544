// One word of `Secret=`, as `podman run --secret` reads it.

import { claimOf, MAX_OWNER, type SecretUse } from '../../core/workload.ts';

export type SecretOption = {
  readonly name: string;
  readonly kind: 'env' | 'mount';
  /** The variable; undefined for mounts. */
  readonly variable: string | undefined;
  /** What the container gets of it. */
  readonly use: SecretUse;
};

type Parts = { name?: string; kind?: string; target?: string; uid?: string; gid?: string; mode?: string };

/** Podman's keys; `uid` and `gid` in capitals too. */
const KEYS: Readonly<Record<string, keyof Parts>> = {
  source: 'name',
  type: 'kind',
  target: 'target',
  uid: 'uid',
  UID: 'uid',
  gid: 'gid',
  GID: 'gid',
  mode: 'mode',
};

/** undefined: Podman does not take it, and the container does not start. */
export function parseSecretOption(word: string): SecretOption | undefined {
  const parts: Parts = {};
  for (const [index, part] of word.split(',').entries()) {
    const equals = part.indexOf('=');
    const key = equals === -1 ? undefined : KEYS[part.slice(0, equals)];
    if (key !== undefined) parts[key] = part.slice(equals + 1);
    else if (equals === -1 && index === 0) parts.name = part;
    else return undefined;
  }
  const { name, kind = 'mount' } = parts;
  if (name === undefined || name === '' || (kind !== 'env' && kind !== 'mount')) return undefined;
  const given = parts.target === undefined || parts.target === '' ? name : parts.target;
  const target = kind === 'env' ? given : pathOf(given);
  const rights = rightsOf(parts);
  if (rights === undefined || (kind === 'env' && Object.keys(rights).length > 0)) return undefined;
  return { name, kind, variable: kind === 'env' ? target : undefined, use: { kind, target, ...rights } };
}

/** The same file as Podman finds it: `//`, `.` and `..` are taken out, and with them what stays below /run/secrets may leave it. */
function pathOf(target: string): string {
  const steps: string[] = [];
  for (const step of claimOf({ kind: 'mount', target }).split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  const path = `/${steps.join('/')}`;
  const below = target.startsWith('/') ? undefined : /^\/run\/secrets\/(.+)$/.exec(path)?.[1];
  return below ?? path;
}

function rightsOf({ mode, uid, gid }: Parts): Pick<SecretUse, 'mode' | 'uid' | 'gid'> | undefined {
  const owner = ownerOf(uid);
  const group = ownerOf(gid);
  const octal = mode === undefined ? undefined : modeOf(mode);
  if (owner === null || group === null || octal === null) return undefined;
  return {
    ...(owner !== undefined && { uid: owner }),
    ...(group !== undefined && { gid: group }),
    ...(octal !== undefined && { mode: octal }),
  };
}

/** null: no number that Podman takes. */
function ownerOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return number <= MAX_OWNER ? number : null;
}

/** null: none that Podman takes, or with bits that a file of it never has. */
function modeOf(text: string): string | null {
  const bits = /^[0-7]{1,6}$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  return bits <= 0o777 ? bits.toString(8).padStart(4, '0') : null;
}
