// Where the running service finds the lookup helper of its host: in its image what is in the place of the host's folder may be the image's own.

import { helperPath } from '../../registration/driver-command/helper-call.ts';
import { HOST_ROOT } from '../command/own-container.ts';

/** What psi.container mounts the helper's folder at. */
export const HELPER_MOUNT = `${HOST_ROOT}/psi-helper`;

export function helperSeenByService(inImage: boolean, helperDir: string): string {
  return helperPath(inImage ? HELPER_MOUNT : helperDir);
}
