// A curl of an earlier version: a program of that name in front of the real one, which does the call. Only what differs for the driver's
// commands is done anew, by main.ts. What each version does was seen with curl built from the tag of that version (tool_writeout.c, http.c):
// stdout, stderr and status were the same.

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shellQuoted } from '../../../src/core/text/shell.ts';

export const OLD_CURLS = ['7.61.0', '7.63.0', '7.74.0', '7.76.0'] as const;
export type OldCurl = (typeof OLD_CURLS)[number];

/** A folder for the front of PATH, in which `curl` is that version. */
export async function oldCurl(dir: string, version: OldCurl, realCurl = '/usr/bin/curl'): Promise<string> {
  const folder = join(dir, `curl-${version}`);
  await mkdir(folder, { recursive: true });
  const command = [process.execPath, join(import.meta.dirname, 'main.ts'), version, realCurl]
    .map(shellQuoted)
    .join(' ');
  await writeFile(join(folder, 'curl'), `#!/bin/sh\nexec ${command} "$@"\n`);
  await chmod(join(folder, 'curl'), 0o755);
  return folder;
}
