// What systemd says of one unit, and which others it would stop with it.

import { DBusError, type MessageBus } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { MANAGER, onBus, unreachable } from './bus.ts';

const CALL_MS = 5_000;

export type UnitProperty = 'ActiveState' | 'RequiredBy' | 'BoundBy';

/** Undefined: it is unloaded by now, or never was loaded. */
export async function unitProperty(bus: MessageBus, unit: string, name: UnitProperty): Promise<unknown> {
  const options = { timeout: CALL_MS };
  try {
    const path = await bus.invoke<string>({ ...MANAGER, member: 'GetUnit', signature: 's', body: [unit] }, options);
    return await bus.invoke<unknown>(
      {
        ...{ destination: MANAGER.destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' },
        signature: 'ss',
        body: ['org.freedesktop.systemd1.Unit', name],
      },
      options,
    );
  } catch (error) {
    if (error instanceof DBusError && /\.(?:NoSuchUnit|UnknownObject)$/.test(error.dbusName ?? '')) return undefined;
    throw error;
  }
}

export function activeState(bus: MessageBus, unit: string): Promise<unknown> {
  return unitProperty(bus, unit, 'ActiveState');
}

/** Units that run, and that a stop of this one stops. Failure: HOST. */
export async function runningDependents(busPath: string, unit: string): Promise<readonly string[]> {
  try {
    return await onBus(busPath, CALL_MS, async (bus) => {
      const named = [
        ...namesOf(await unitProperty(bus, unit, 'RequiredBy')),
        ...namesOf(await unitProperty(bus, unit, 'BoundBy')),
      ];
      const running: string[] = [];
      for (const name of new Set(named)) if ((await activeState(bus, name)) === 'active') running.push(name);
      return running;
    });
  } catch (thrown) {
    if (thrown instanceof PsiError) throw thrown;
    if (!(thrown instanceof DBusError)) throw unreachable(busPath, thrown);
    throw new PsiError('HOST', `systemd does not say what requires ${unit}: ${printable(thrown.message)}`, {
      hint: `look with \`systemctl show -p RequiredBy,BoundBy ${unit}\` on the host, then run this again`,
      cause: thrown,
    });
  }
}

function namesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as readonly unknown[]).filter((one) => typeof one === 'string') : [];
}
