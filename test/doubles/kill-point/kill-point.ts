// Steps of a save at which a test has PSI killed, and the library that does it.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** In the order of a save. */
export const KILL_POINTS = [
  'before write',
  'after write',
  'before fsync',
  'after fsync',
  'before rename',
  'after rename',
  'before fsync folder',
  'after fsync folder',
] as const;

/** From which step on the new file is the cache. */
export const isReplaced = (point: (typeof KILL_POINTS)[number]): boolean =>
  KILL_POINTS.indexOf(point) >= KILL_POINTS.indexOf('after rename');

/** Compiled anew: it is small, and nothing of it stays in the tree. Answers its path. */
export async function compileKillPoint(folder: string): Promise<string> {
  const library = join(folder, 'kill-point.so');
  await run('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-Wall',
    '-o',
    library,
    join(import.meta.dirname, 'kill-point.c'),
    '-ldl',
  ]);
  return library;
}
