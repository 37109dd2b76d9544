// One connection to the bus for one piece of work, closed whatever happens, and what is wrong when there is none.

import type { MessageBus } from 'dbus-native';

import { PsiError } from '../../core/error.ts';

export const MANAGER = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const;

/** Loaded with the first call: a start that only serves lookups needs none of it. */
export function busPackage(): Promise<typeof import('dbus-native')> {
  return import('dbus-native');
}

/** Rejects with the library's own errors. `timeoutMs`: for the greeting; each call has its own. */
export async function onBus<T>(
  socketPath: string,
  timeoutMs: number,
  work: (bus: MessageBus) => Promise<T>,
): Promise<T> {
  // EXTERNAL only: the others would read a keyring in the home folder, or ask for no identity at all. `direct`: the library's own
  // Hello throws where nobody can catch it when the bus hangs or refuses; so it is said here.
  const { createClient } = await busPackage();
  const bus = createClient({ socket: socketPath, authMethods: ['EXTERNAL'], direct: true });
  try {
    return await new Promise<T>((resolve, reject) => {
      // Stays attached: an error after the answer would otherwise end the process.
      bus.connection.on('error', reject);
      bus
        .invokeDbus({ member: 'Hello' }, { timeout: timeoutMs })
        .then(() => work(bus))
        .then(resolve, reject);
    });
  } finally {
    // Not closed politely: a bus that hangs would never let go.
    bus.connection.stream.destroy();
  }
}

export function unreachable(bus: string, thrown: unknown): PsiError {
  const errno = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined;
  if (errno === 'ENOENT') {
    return new PsiError('HOST', `there is no D-Bus socket at ${bus}`, {
      hint: "`systemctl start dbus.socket` on the host (with `--user` for a user's PSI); in the container its folder has to be mounted",
      cause: thrown,
    });
  }
  if (errno === 'EACCES') {
    return new PsiError('HOST', `access to the D-Bus socket ${bus} is denied`, {
      hint: 'psi has to run as root; on SELinux hosts with SecurityLabelDisable=true',
      cause: thrown,
    });
  }
  if (errno === 'ECONNREFUSED') {
    return new PsiError('HOST', `nobody listens on the D-Bus socket ${bus}`, {
      hint: 'a mounted socket file goes stale when the bus restarts: mount its folder; look with `systemctl status dbus.socket`',
      retry: 'later',
      cause: thrown,
    });
  }
  // What the handshake reports has no errno: the bus knows the uid of the peer and takes no other.
  return new PsiError('HOST', `the D-Bus connection at ${bus} failed${errno === undefined ? '' : `: ${errno}`}`, {
    hint: 'psi has to run as root, in user scope as the user itself (UserNS=keep-id in its container)',
    cause: thrown,
  });
}
