// systemd's manager over D-Bus: the system's, or the user's in user scope. One connection a call: the bus may restart between two
// setups, and PSI holds none of its resources meanwhile.

import { ConnectionClosedError, createClient, DBusError, TimeoutError } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import type { UnitManager } from '../../ports/unit-manager.ts';

const MANAGER = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const;

export type DbusUnitManagerOptions = {
  /** /run/dbus/system_bus_socket, or $XDG_RUNTIME_DIR/bus. */
  readonly socketPath: string;
  /** A reload waits for every generator; systemd itself gives up on them after 90 s. */
  readonly timeoutMs?: number;
};

export class DbusUnitManager implements UnitManager {
  readonly #socketPath: string;
  readonly #timeoutMs: number;

  constructor(options: DbusUnitManagerOptions) {
    this.#socketPath = options.socketPath;
    this.#timeoutMs = options.timeoutMs ?? 90_000;
  }

  async reload(): Promise<void> {
    try {
      await this.#call('Reload');
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #call(member: string): Promise<void> {
    // EXTERNAL only: the others would read a keyring in the home folder, or ask for no identity at all. `direct`: the library's own
    // Hello throws where nobody can catch it when the bus hangs or refuses; so it is said here.
    const bus = createClient({ socket: this.#socketPath, authMethods: ['EXTERNAL'], direct: true });
    const options = { timeout: this.#timeoutMs };
    try {
      await new Promise<void>((resolve, reject) => {
        // Stays attached: an error after the answer would otherwise end the process.
        bus.connection.on('error', reject);
        bus
          .invokeDbus({ member: 'Hello' }, options)
          .then(() => bus.invoke({ ...MANAGER, member }, options))
          .then(() => {
            resolve();
          }, reject);
      });
    } finally {
      // Not closed politely: a bus that hangs would never let go.
      bus.connection.stream.destroy();
    }
  }

  #translate(thrown: unknown): PsiError {
    const bus = this.#socketPath;
    if (thrown instanceof TimeoutError) {
      return new PsiError('HOST', `systemd did not finish the reload within ${String(this.#timeoutMs / 1000)} s`, {
        hint: 'see what it waits for: `systemctl list-jobs`; then run `systemctl daemon-reload`',
        retry: 'later',
        cause: thrown,
      });
    }
    if (thrown instanceof ConnectionClosedError) {
      return new PsiError('HOST', `the D-Bus connection at ${bus} closed before systemd answered`, {
        hint: 'look at the bus with `systemctl status dbus`, then run `systemctl daemon-reload`',
        retry: 'later',
        cause: thrown,
      });
    }
    if (thrown instanceof DBusError && thrown.dbusName !== undefined) return refusal(thrown, thrown.dbusName);
    return unreachable(bus, thrown);
  }
}

function refusal(error: DBusError, name: string): PsiError {
  const short = name.slice(name.lastIndexOf('.') + 1);
  if (short === 'AccessDenied' || short === 'InteractiveAuthorizationRequired' || short === 'AuthFailed') {
    return new PsiError('HOST', 'systemd refuses the reload: access denied', {
      hint: 'psi has to run as root (or as the user whose manager it is); on SELinux hosts with SecurityLabelDisable=true',
      cause: error,
    });
  }
  if (short === 'ServiceUnknown' || short === 'NameHasNoOwner') {
    return new PsiError('HOST', 'no systemd answers on this bus', {
      hint: 'mount the folder /run/dbus of the host into the psi container; in user scope $XDG_RUNTIME_DIR/bus',
      cause: error,
    });
  }
  return new PsiError('HOST', `systemd refuses the reload: ${printable(error.message)}`, {
    hint: 'run `systemctl daemon-reload` on the host to see the same error',
    retry: 'later',
    cause: error,
  });
}

function unreachable(bus: string, thrown: unknown): PsiError {
  const errno = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined;
  if (errno === 'ENOENT') {
    return new PsiError('HOST', `there is no D-Bus socket at ${bus}`, {
      hint: `mount the folder of ${bus} from the host into the psi container (Volume=/run/dbus:/run/dbus)`,
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
