// systemd's manager over D-Bus: the system's, or the user's in user scope. One connection a call: the bus may restart between two
// setups, and PSI holds none of its resources meanwhile.

import type { DBusError } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import type { UnitManager } from '../../registration/unit-manager.ts';
import { busPackage, MANAGER, onBus, unreachable } from './bus.ts';

const VERSION = {
  interface: 'org.freedesktop.DBus.Properties',
  member: 'Get',
  signature: 'ss',
  body: [MANAGER.interface, 'Version'],
};
const VERSION_MS = 5_000;

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
      await this.#call({ member: 'Reload' });
    } catch (error) {
      throw await this.#translate(error);
    }
  }

  async has(unit: string): Promise<boolean> {
    try {
      await this.#call({ member: 'GetUnitFileState', signature: 's', body: [unit] });
      return true;
    } catch (error) {
      const { DBusError } = await busPackage();
      if (error instanceof DBusError && /\.(?:FileNotFound|NoSuchUnit)$/.test(error.dbusName ?? '')) return false;
      throw new PsiError('HOST', `systemd does not say whether it has ${printable(unit)}`, {
        hint: `look at the bus of ${this.#socketPath} with \`systemctl status dbus\`, then run \`podman exec psi psi setup\``,
        retry: 'later',
        cause: error,
      });
    }
  }

  /** The number of its release, such as 257; undefined where it does not answer: nothing fails over it. */
  async version(): Promise<number | undefined> {
    const message = { ...{ destination: MANAGER.destination, path: MANAGER.path }, ...VERSION };
    try {
      const options = { timeout: VERSION_MS };
      const text = await onBus(this.#socketPath, VERSION_MS, async (bus) => bus.invoke<unknown>(message, options));
      const number = Number.parseInt(String(text).replace(/^\D*/, ''), 10);
      return Number.isNaN(number) ? undefined : number;
    } catch {
      return undefined;
    }
  }

  async #call(message: { readonly member: string; signature?: string; body?: unknown[] }): Promise<void> {
    const options = { timeout: this.#timeoutMs };
    await onBus(this.#socketPath, this.#timeoutMs, async (bus) => {
      await bus.invoke({ ...MANAGER, ...message }, options);
    });
  }

  async #translate(thrown: unknown): Promise<PsiError> {
    const { ConnectionClosedError, DBusError, TimeoutError } = await busPackage();
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
