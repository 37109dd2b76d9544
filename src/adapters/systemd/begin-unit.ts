// Asks systemd to start or restart a unit, and waits until that is done.

import { setTimeout as pause } from 'node:timers/promises';
import { DBusError, type MessageBus } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { MANAGER, onBus, unreachable } from './bus.ts';
import { activeState } from './unit-property.ts';

const CALL_MS = 5_000;
/** The first start may pull the image, and a setup that waits for its provider ends before this: both have 300 s. */
const DONE_MS = 320_000;
const LOOK_MS = 200;

/** Active, when it resolves. Failure: HOST. */
export async function beginUnit(busPath: string, how: 'start' | 'restart', unit: string): Promise<void> {
  try {
    await onBus(busPath, CALL_MS, async (bus) => {
      const member = how === 'start' ? 'StartUnit' : 'RestartUnit';
      const message = { ...MANAGER, member, signature: 'ss', body: [unit, 'replace'] };
      const job = await bus.invoke<string>(message, { timeout: CALL_MS });
      await jobDone(bus, unit, Number(job.slice(job.lastIndexOf('/') + 1)));
      if ((await activeState(bus, unit)) !== 'active') throw notActive(unit);
    });
  } catch (thrown) {
    if (thrown instanceof PsiError) throw thrown;
    if (!(thrown instanceof DBusError)) throw unreachable(busPath, thrown);
    throw new PsiError('HOST', `systemd does not ${how} ${unit}: ${printable(thrown.message)}`, {
      hint: `run \`systemctl ${how} ${unit}\` on the host to see why`,
      cause: thrown,
    });
  }
}

async function jobDone(bus: MessageBus, unit: string, job: number): Promise<void> {
  const message = { ...MANAGER, member: 'GetJob', signature: 'u', body: [job] };
  for (let waited = 0; waited < DONE_MS; waited += LOOK_MS) {
    try {
      await bus.invoke(message, { timeout: CALL_MS });
    } catch (error) {
      if (error instanceof DBusError && (error.dbusName ?? '').endsWith('.NoSuchJob')) return;
      throw error;
    }
    await pause(LOOK_MS);
  }
  throw new PsiError('HOST', `${unit} has not started within ${String(DONE_MS / 1000)} s`, {
    hint: `look at it with \`systemctl status ${unit}\``,
    retry: 'later',
  });
}

function notActive(unit: string): PsiError {
  return new PsiError('HOST', `${unit} did not start`, {
    hint: `see why with \`systemctl status ${unit}\` and \`journalctl -u ${unit}\``,
  });
}
