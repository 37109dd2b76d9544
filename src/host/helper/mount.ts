// How the folder of the lookup helper comes into a container of PSI: what is in its place in the image may be the image's own.

import { helperPath } from '../../registration/driver-command/helper-call.ts';
import { HOST_ROOT } from '../command/own-container.ts';
import { isBelow, type HostLayout } from '../layout.ts';

/** What psi.container mounts the helper's folder at. */
export const HELPER_MOUNT = `${HOST_ROOT}/psi-helper`;

/** Where the running service finds it. */
export function helperSeenByService(inImage: boolean, helperDir: string): string {
  return helperPath(inImage ? HELPER_MOUNT : helperDir);
}

const MOUNTED = ['/usr/local', '/etc', '/var/lib', '/run'] as const;

/** Has a container of PSI's own the folder by the mounts that each of them has (command/own-container.ts)? */
export function hasOwnContainerMount({ helperDir, inImage, scope }: HostLayout): boolean {
  return !inImage || scope === 'user' || MOUNTED.some((folder) => isBelow(helperDir, folder));
}
