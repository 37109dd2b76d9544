// What psi.service leaves beside the socket after three starts that failed in a row (`ExecStopPost=` of psi.container). A start that serves
// takes it away.

import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Never rejects: a stale one harms nobody who is answered. */
export async function removeStartMarker(socket: string): Promise<void> {
  await rm(join(dirname(socket), 'start-failed'), { force: true }).catch(() => undefined);
}
