// What installing did to one path of the host.

import { PsiError } from '../core/error.ts';
import { movedAway } from '../core/text/shell.ts';
import type { HostFiles } from './host-files.ts';

export type HostChange = {
  readonly path: string;
  readonly change: 'created' | 'written' | 'tightened' | 'removed' | 'unchanged';
};

/** A file as it would be: for `--stdout`, and to write. */
export type PlannedFile = { readonly path: string; readonly mode: number; readonly text: string };

/** Writes only what differs, and nothing over a file that is not PSI's own. */
export async function writeOwnFile(
  files: HostFiles,
  file: PlannedFile,
  isOurs: (text: string) => boolean,
): Promise<HostChange> {
  const { path, mode, text } = file;
  const found = await files.read(path);
  if (found === text) return { path, change: 'unchanged' };
  if (found !== undefined && !isOurs(found)) throw notWrittenByPsi(path);
  await files.write(path, text, mode);
  return { path, change: found === undefined ? 'created' : 'written' };
}

export function notWrittenByPsi(path: string): PsiError {
  return new PsiError('CONFLICT', `${path} was not written by psi`, {
    hint: `look at it, then move it away: \`${movedAway([path], '.mine')}\``,
  });
}
