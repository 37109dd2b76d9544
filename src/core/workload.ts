// What the operator asked for, already decoded and checked: workloads and their sources.

import type { PsiError } from './error.ts';

/** A mode as `podman run --secret` takes it: three octal digits, a leading zero allowed. */
export const FILE_MODE = /^0?[0-7]{3}$/;

/** The greatest number of a user or a group that Podman takes. */
export const MAX_OWNER = 4_294_967_295;

/** What one secret becomes in a container: a variable, or a file. One `Secret=` line. */
export type SecretUse = {
  readonly kind: 'env' | 'mount';
  /** The variable; or the file, below /run/secrets where it is no absolute path. */
  readonly target: string;
  /** Octal text such as "0400"; like the owner with `mount` only. */
  readonly mode?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
};

/** An entry of `keys:`. Files among the uses have one mode and one owner: Podman keeps one file for each of its secrets. */
export type KeyUses = { readonly key: string; readonly uses: readonly SecretUse[] };

/** One `secrets:` entry of a workload. */
export type SecretSpec = {
  readonly project: string;
  readonly path: string;
  readonly recursive: boolean;
  /** Glob patterns on the provider's key. Empty include = everything. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Put before the key in the variable's or file's name and in Podman's secret name. */
  readonly prefix: string;
  readonly as: 'env' | 'mount';
  /** Octal text such as "0400", only with `as: mount`. */
  readonly mode: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Just these keys, each with what it becomes; what is said above of a folder as a whole does not apply then. */
  readonly keys?: readonly KeyUses[] | undefined;
  /** It may hold nothing: otherwise a source that yields nothing is a problem of the workload. */
  readonly allowEmpty: boolean;
};

/** Where Podman mounts a secret of no absolute target. */
const MOUNT_FOLDER = '/run/secrets/';

/** One text for what only one secret of a container can be: a variable, or the file at a path. */
export function claimOf({ kind, target }: Pick<SecretUse, 'kind' | 'target'>): string {
  return kind === 'env' || target.startsWith('/') ? target : `${MOUNT_FOLDER}${target}`;
}

export type Workload = {
  readonly name: string;
  readonly provider: string;
  /** Quadlet unit file, `myapp.container` or the template `worker@.container`. */
  readonly unit: string;
  readonly dependsOn: readonly string[];
  readonly secrets: readonly SecretSpec[];
  /** Why it is left as it was and nobody is asked for its secrets. Only a workload by the pattern has it. */
  readonly refusal?: PsiError;
};
