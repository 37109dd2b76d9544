// What the file system refuses, in PSI's words: every adapter that touches files translates through here.

import { PsiError } from '../../core/error.ts';
import { shellWord } from '../../core/text/shell.ts';

/** errno of a failed file operation, or undefined for anything else that was thrown. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'run it as the user that owns the folder; on SELinux hosts see `ausearch -m avc -ts recent`',
  EPERM: 'run it as the user that owns the folder; on SELinux hosts see `ausearch -m avc -ts recent`',
  ENOENT: 'create the folder with `psi install`',
  EISDIR: 'a folder is where the file belongs: move it away, then `podman exec psi psi setup`',
  ENOSPC: 'free space there: `df -h` and `df -i` show what is full',
  EDQUOT: 'free space there: `quota` shows what is full',
  NOT_A_FILE: 'see what it is with `ls -l`, and move it away',
  TOO_LARGE: 'nothing that psi reads is that large: see what it is with `ls -l`, and move it away',
  HANGS: 'look at the mount: `findmnt -T` with this path names it, `journalctl -k` tells of the disk',
  EROFS: 'mount it writable, or set `state_dir` and `systemd_dir` to a place that is',
  EIO: 'look for disk errors with `journalctl -k`',
};

/** Something on the way is no folder. The command names it: the last line that is printed with a `-` or an `l` in front. */
function wayHint(path: string): string {
  return `\`namei -l ${shellWord(path)}\` shows what on the way is no folder: move it away`;
}

const ON_THE_WAY: ReadonlySet<string> = new Set(['ENOTDIR', 'EEXIST', 'ELOOP']);

const WORDS: Readonly<Record<string, string>> = {
  NOT_A_FILE: 'it is no plain file',
  TOO_LARGE: 'it is too large',
  HANGS: 'the file system does not answer',
};

const MAY_PASS: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'HANGS']);

/** `what` is lower case, such as "write the mapping". */
export function fileError(what: string, path: string, thrown: unknown): PsiError {
  if (thrown instanceof PsiError) return thrown;
  const errno = errnoOf(thrown);
  return new PsiError('HOST', `cannot ${what} ${path}: ${WORDS[errno ?? ''] ?? errno ?? 'unexpected error'}`, {
    hint: ON_THE_WAY.has(errno ?? '') ? wayHint(path) : (HINTS[errno ?? ''] ?? 'see `journalctl -u psi`'),
    retry: MAY_PASS.has(errno ?? '') ? 'later' : 'no',
    cause: thrown,
  });
}
