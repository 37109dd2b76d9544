// Is there still anybody who waits for this command? `podman exec` hands no signal on: killed, it just goes, and what it ran goes on in the
// container and is told nothing. With a terminal (`-t`) Ctrl-C arrives, as a key; with `-i` the end of its input is the end of standard input
// here, which is that of `</dev/null` too. But Podman's monitor of a session talks to `podman exec` over a socket called `attach`, and where PSI
// shares the host's network the kernel lists that one: connected it has three references, without its peer two, until the monitor writes and
// closes it. (Seen with Podman 5.4.2 and conmon 2.1.12; SIGINT, SIGTERM, SIGHUP and SIGKILL, with and without -i and -t.)

import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** What Podman sets in what it runs. */
const IN_CONTAINER = ['podman', 'oci'];

const NOBODY: ReadonlySet<string> = new Set();

const TABLE = '/proc/net/unix';
const LOOK_MS = 500;

/** How it looks, and waits between two looks; other ones in tests. */
export type Looks = { readonly table: () => Promise<string>; readonly pause: (done: AbortSignal) => Promise<void> };

const LOOKS: Looks = {
  table: () => readFile(TABLE, 'utf8'),
  pause: (signal) => setTimeout(LOOK_MS, undefined, { signal }),
};

/** Which socket is this command's own is not said: it has gone when all that were connected at its start have. */
export async function execSessionGone(
  env: NodeJS.ProcessEnv,
  done: AbortSignal,
  { table, pause }: Looks = LOOKS,
): Promise<void> {
  const first = IN_CONTAINER.includes(env['container'] ?? '') ? connected(await table()) : NOBODY;
  if (first.size === 0) return forever();
  // The kernel's list may miss one line while others come and go.
  for (let missing = 0; missing < 2;) {
    done.throwIfAborted();
    await pause(done);
    const now = connected(await table());
    missing = [...first].some((inode) => now.has(inode)) ? 0 : missing + 1;
  }
}

/** `podman exec -d`, another network, another kernel. */
function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** Num RefCount Protocol Flags Type St Inode Path; the counts are hexadecimal, state 3 is connected. */
const LINE = /^\S+ ([0-9A-Fa-f]+) \S+ \S+ \S+ 03 +(\d+) \S*\/attach$/;
const WITH_PEER = 3;

/** Inodes of the sessions' sockets that have somebody at the other end. */
function connected(table: string): ReadonlySet<string> {
  const found = table.split('\n').flatMap((line) => {
    const [, references = '', inode = ''] = LINE.exec(line) ?? [];
    return parseInt(references, 16) >= WITH_PEER ? [inode] : [];
  });
  return new Set(found);
}
