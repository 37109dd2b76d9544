// `psi status`: is the service there, and what does it hold? Also the container's health check, so it must stay cheap.

import type { ServiceStatus } from '../../lookup/status.ts';
import type { CacheStatus } from '../../cache/status.ts';
import { printCacheLine } from '../cache-report.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import { duration } from '../duration.ts';
import type { Terminal } from '../terminal.ts';

export async function statusCommand(client: ControlClient, terminal: Terminal, json: boolean): Promise<number> {
  const text = await client.get('/status');
  if (json) {
    terminal.out(text);
    return 0;
  }
  const status = JSON.parse(text) as ServiceStatus & { readonly cache: CacheStatus | null };
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
  if (status.cache) printCacheLine(terminal, status.cache);
  return 0;
}
