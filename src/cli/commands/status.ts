// `psi status`: is the service there, and what does it hold? Also the container's health check, so it must stay cheap.

import type { ServiceStatus } from '../../usecases/status.ts';
import type { ControlClient } from '../control-client.ts';
import type { Terminal } from '../terminal.ts';

export async function statusCommand(client: ControlClient, terminal: Terminal, json: boolean): Promise<number> {
  const text = await client.get('/status');
  if (json) {
    terminal.out(text);
    return 0;
  }
  const status = JSON.parse(text) as ServiceStatus;
  terminal.out(`psi ${status.version}, up ${duration(status.upSeconds)}`);
  terminal.out(`secrets registered: ${String(status.mappings)}`);
  terminal.out(`lookups: ${String(status.lookups.ok)} answered, ${String(status.lookups.failed)} failed`);
  for (const failure of status.lastFailures) {
    terminal.out(`${terminal.paint('red', 'failed')} ${failure.at} ${failure.name ?? failure.id}: ${failure.message}`);
  }
  if (status.lastSetup) {
    const { at, changes, failures } = status.lastSetup;
    terminal.out(`last setup: ${at}, ${String(changes)} changes, ${String(failures)} failures`);
  }
  return 0;
}

function duration(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ];
  for (const [unit, size] of units) if (seconds >= 2 * size) return `${String(Math.floor(seconds / size))} ${unit}`;
  return `${String(Math.floor(seconds))} s`;
}
