// The name of the user that PSI runs as: Podman keeps it in a container of that user.

import { userInfo } from 'node:os';

/** undefined: there is none of this id. */
export function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
