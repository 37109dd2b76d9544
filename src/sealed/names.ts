// What sealed values are called: by people, or, where Podman gave the value, by Podman's id behind a word that no person can use.

import { PsiError } from '../core/error.ts';
import { isSecretId, type SecretId } from '../core/naming.ts';

const OF_PODMAN = 'podman.';

/** What Podman takes as a name as well. Without `--`: such names belong to the secrets of workloads. */
const NAME = /^(?!.*--)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Of a value that Podman was given: the one secret that has it may get another id, and the value keeps its name. */
export function nameOfPodman(id: SecretId): string {
  return `${OF_PODMAN}${id}`;
}

export function isOfPodman(name: string): boolean {
  return idAtBirth(name) !== undefined;
}

/** Of a value that Podman was given: the id of the secret then. */
export function idAtBirth(name: string): SecretId | undefined {
  const id = name.startsWith(OF_PODMAN) ? name.slice(OF_PODMAN.length) : '';
  return isSecretId(id) ? id : undefined;
}

/** May a file have this name? Mappings come from Podman, and hold whatever somebody wrote there. */
export function isSealedName(name: string): boolean {
  return isOfPodman(name) || (NAME.test(name) && !name.startsWith(OF_PODMAN));
}

/** What a file is called that lies aside; `asideAt` in milliseconds since 1970. */
export function asideName({ name, asideAt }: { readonly name: string; readonly asideAt: number }): string {
  return `${name}~${String(asideAt)}`;
}

/** Undefined: no file of PSI's is called so. */
export function readAsideName(text: string): { readonly name: string; readonly asideAt: number } | undefined {
  // Fifteen digits are some ten thousand years: what is longer, PSI has not written.
  const [, name = '', at = ''] = /^(.+)~(\d{1,15})$/.exec(text) ?? [];
  return isSealedName(name) ? { name, asideAt: Number(at) } : undefined;
}

/** A name that people give. */
export function givenName(text: string): string {
  if (isSealedName(text) && !isOfPodman(text)) return text;
  throw new PsiError(
    'BAD_REQUEST',
    'this is no name for a sealed secret: expected 1 to 128 letters, digits, `.`, `_` and single `-`, the first a letter or digit, and not `podman.` in front',
    { hint: 'names with `--` are those of workloads, which `podman exec psi psi setup` registers' },
  );
}
