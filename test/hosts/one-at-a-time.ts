// Work that two test processes must not do at once, such as making the same Debian root: whoever comes second waits, and finds it done.
// The lock hangs on a pipe to this process, so that its end frees it however that comes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

const HOLD = 'echo locked; cat >/dev/null';

/** Runs `work` while this process alone holds the lock file. */
export async function oneAtATime<T>(lock: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(lock), { recursive: true });
  const holder = spawn('flock', [lock, 'sh', '-c', HOLD], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  try {
    const [first] = (await Promise.race([once(holder.stdout, 'data'), ended])) as readonly unknown[];
    if (!Buffer.isBuffer(first)) throw new Error(`${lock} could not be locked: flock ended with ${String(first)}`);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
