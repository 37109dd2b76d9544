// Roots and images are kept in a folder that several test processes share: what one of them is making, the others wait for.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A root is made in about a minute, an image in two; on a busy machine in five times that. */
const PATIENCE_S = 20 * 60;

/** Runs the work while this process holds the lock; with the process the lock is gone. The file stays. */
export async function oneAtATime<T>(lock: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(lock), { recursive: true });
  const held = ['sh', '-c', 'echo held && exec cat'];
  const holder = spawn('flock', ['-w', String(PATIENCE_S), lock, ...held], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  const [told] = (await Promise.race([once(holder.stdout, 'data'), ended])) as readonly unknown[];
  if (typeof told === 'number') throw new Error(`no lock on ${lock} in ${String(PATIENCE_S)} s`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
