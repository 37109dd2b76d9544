// What psi.service leaves beside the socket after three starts that failed in a row (`ExecStopPost=` of psi.container). A start that serves
// takes it away.

import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileCalls } from './file-calls.ts';

/** Never rejects: a stale one harms nobody who is answered. */
export async function removeStartMarker(socket: string): Promise<void> {
  const path = join(dirname(socket), 'start-failed');
  await fileCalls.run(path, () => rm(path, { force: true })).catch(() => undefined);
}
