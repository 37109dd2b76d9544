// Port: the driver's socket as its callers find it, by its path; and what is to be said of what is found there.

import { PsiError } from '../core/error.ts';
import type { Scope } from '../core/scope.ts';
import { folderOf } from './layout.ts';

/**
 * `fine`: whoever asks there asks this process. `unknown`: nobody can say, as while it is busy. `removed`: nothing is there. `covered`: the
 * folder that PSI sees is no longer the host's. `foreign`: something else is there. `mode`: the caller may not use it.
 */
export type SocketFinding =
  | { readonly kind: 'fine' | 'unknown' | 'removed' | 'covered' | 'foreign' }
  | { readonly kind: 'mode'; readonly mode: number; readonly wanted: number };

export type SocketPath = {
  /** Never rejects, and ends within seconds. */
  readonly look: () => Promise<SocketFinding>;
  /** Gives it the mode that it had. False: it cannot be done, or not without following somebody else's link. */
  readonly restoreMode: (mode: number) => Promise<boolean>;
};

export type SocketPlace = {
  readonly path: string;
  /** The command that makes the socket anew. */
  readonly remedy: string;
};

export function socketPlace(
  config: { readonly socket: string; readonly scope: Scope },
  activated: boolean,
): SocketPlace {
  const systemctl = config.scope === 'system' ? 'systemctl' : 'systemctl --user';
  return { path: config.socket, remedy: `${systemctl} restart ${activated ? 'psi.socket' : 'psi.service'}` };
}

/** Undefined: nothing is wrong. */
export function socketProblem(finding: SocketFinding, { path, remedy }: SocketPlace): PsiError | undefined {
  const what = words(finding, path);
  if (what === undefined) return undefined;
  return new PsiError('HOST', `lookups do not reach psi: ${what}`, { hint: `run \`${remedy}\` on the host` });
}

function words(finding: SocketFinding, path: string): string | undefined {
  switch (finding.kind) {
    case 'fine':
    case 'unknown':
      return undefined;
    case 'removed':
      return `${path} was removed`;
    case 'covered':
      return `the folder ${folderOf(path)} of the host was replaced, or something is mounted on it`;
    case 'foreign':
      return `what is at ${path} is not psi's socket`;
    case 'mode':
      return `${path} has the mode ${octal(finding.mode)} and not ${octal(finding.wanted)}`;
  }
}

function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`;
}
