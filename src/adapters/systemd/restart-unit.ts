// Asks systemd to restart a unit, which may well be the one that this process runs in.

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { MANAGER, onBus } from './bus.ts';

const CALL_MS = 5_000;

/** Resolves when systemd has taken it on. Failure: HOST. */
export async function restartUnit(busPath: string, unit: string): Promise<void> {
  const options = { timeout: CALL_MS };
  const message = { ...MANAGER, member: 'RestartUnit', signature: 'ss', body: [unit, 'replace'] };
  try {
    await onBus(busPath, CALL_MS, async (bus) => {
      await bus.invoke(message, options);
    });
  } catch (cause) {
    const reason = cause instanceof Error ? printable(cause.message) : 'unexpected answer';
    throw new PsiError('HOST', `${unit} cannot be restarted over ${busPath}: ${reason}`, {
      hint: `run \`systemctl restart ${unit}\` on the host`,
      cause,
    });
  }
}
