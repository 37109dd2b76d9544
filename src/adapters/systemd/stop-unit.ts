// Asks systemd to stop a unit, and waits until it has ended.

import { setTimeout as pause } from 'node:timers/promises';
import { DBusError, type MessageBus } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { MANAGER, onBus, unreachable } from './bus.ts';
import { activeState } from './unit-property.ts';

const CALL_MS = 5_000;
/** Longer than any unit of PSI takes to stop. */
const STOP_MS = 60_000;
const LOOK_MS = 100;

/** One that systemd does not know is none that runs, and of one that failed it remembers nothing more. Failure: HOST. */
export async function stopUnit(busPath: string, unit: string): Promise<void> {
  try {
    await onBus(busPath, CALL_MS, async (bus) => {
      if (await isRunning(bus, unit)) await ended(bus, unit);
      await forgetFailure(bus, unit);
    });
  } catch (thrown) {
    if (thrown instanceof PsiError) throw thrown;
    if (!(thrown instanceof DBusError)) throw unreachable(busPath, thrown);
    throw new PsiError('HOST', `systemd does not stop ${unit}: ${printable(thrown.message)}`, {
      hint: `run \`systemctl stop ${unit}\` on the host, then run this again`,
      cause: thrown,
    });
  }
}

async function ended(bus: MessageBus, unit: string): Promise<void> {
  const message = { ...MANAGER, member: 'StopUnit', signature: 'ss', body: [unit, 'replace'] };
  await bus.invoke(message, { timeout: CALL_MS });
  for (let waited = 0; waited < STOP_MS; waited += LOOK_MS) {
    if (!(await isRunning(bus, unit))) return;
    await pause(LOOK_MS);
  }
  throw new PsiError('HOST', `${unit} has not ended ${String(STOP_MS / 1000)} s after it was to stop`, {
    hint: `look at it with \`systemctl status ${unit}\`, then run this again`,
  });
}

async function isRunning(bus: MessageBus, unit: string): Promise<boolean> {
  const state = await activeState(bus, unit);
  return state !== undefined && state !== 'inactive' && state !== 'failed';
}

async function forgetFailure(bus: MessageBus, unit: string): Promise<void> {
  if ((await activeState(bus, unit)) !== 'failed') return;
  const message = { ...MANAGER, member: 'ResetFailedUnit', signature: 's', body: [unit] };
  await bus.invoke(message, { timeout: CALL_MS });
}
