// A user namespace in which every id is what it is outside. Root in it has no rights on the machine's own mounts, devices and kernel, and
// what the kernel keeps per user namespace, such as its table of emulators, is of its own and ends with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';

export interface UserNamespace {
  /** For nsenter. Good until `close`; whoever is in it by then stays in it. */
  readonly path: string;
  close(): Promise<void>;
}

// In two lines: by the one line that the machine's own namespace has, Podman and crun would take this one for it, and make device files,
// which only the machine's root may.
const ALL_IDS = '0 0 1\n1 1 4294967294';

export async function userNamespace(): Promise<UserNamespace> {
  // It ends with this process, which holds its stdin.
  const holder = spawn('unshare', ['--user', 'sh', '-c', 'echo made; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(holder, 'exit');
  const close = async (): Promise<void> => {
    holder.stdin.end();
    await ended;
  };
  const [made] = (await Promise.race([once(holder.stdout, 'data'), ended])) as readonly unknown[];
  if (!Buffer.isBuffer(made)) throw new Error('this kernel lets nobody make a user namespace');
  const proc = `/proc/${String(holder.pid)}`;
  try {
    for (const map of ['uid_map', 'gid_map']) await writeFile(`${proc}/${map}`, ALL_IDS);
  } catch (error) {
    await close();
    throw error;
  }
  return { path: `${proc}/ns/user`, close };
}
