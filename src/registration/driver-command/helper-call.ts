// How the lookup command runs the lookup helper before it asks by curl. The commands are the same whether one is placed or not: placing or
// removing it replaces nothing that Podman holds.

import { pathWord, type DriverCommandInput } from './curl-call.ts';

export const HELPER_NAME = 'psi-lookup';

export function helperPath(helperDir: string): string {
  return `${helperDir === '/' ? '' : helperDir}/${HELPER_NAME}`;
}

/** `$p`: the helper. */
export function helperSetting({ helper }: DriverCommandInput): string {
  return `p=${pathWord(helper)}`;
}

/**
 * Ends the command with the value (90), or with the failure of a helper that is certain of it (91 to 96). Whatever else becomes of the file
 * there, curl is asked, and nothing of it is seen: what the shell says of it goes nowhere, and the helper says its own failures on the
 * descriptor that it is given. Kept in a variable they would cost each lookup a shell more. But where `$e` is set, the cause, the command
 * has failed.
 *
 * A file that the kernel takes for no program, such as one of another architecture, some shells run as a script of theirs. In /proc, where
 * no file can be made, and on a PATH that leads nowhere its bytes find nothing to do.
 */
export function askHelper({ headerFile }: DriverCommandInput): string {
  const header = headerFile === undefined ? '' : ' --header "$h"';
  const call = `PATH=- "$p" lookup --socket "$s"${header} --max-time $t --errors-to 3 --begun 4`;
  return `[ ! -x "$p" ] || { ${['cd /proc', call, 'c=$?', ENDED].join('; ')}; } 3>&2 2>/dev/null 4<${BEGUN_FILE}`;
}

/**
 * What a helper had written before a signal ended it stands before all that curl would give. So it reads this file to its end before it
 * writes, and the shell, which reads on at the same place, finds no more in there. A line that is always the same and is the machine's: a
 * file of the process's own, such as /proc/self/comm, the kernel makes and removes with each process.
 */
const BEGUN_FILE = '/proc/sys/kernel/ostype';

/** 142: the helper hung, and ended itself (SIGALRM) when curl's time was over, too. */
const ENDED = [
  'case $c in 90) exit;; 9[1-6]) exit $c;;',
  '142) e="psi: $p did not end in time: $q";;',
  '*) read -r a <&4 || e="psi: $p was ended while it wrote the value: start the workload again";; esac',
].join(' ');
