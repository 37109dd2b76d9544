// `psi cache …`: thin clients of the running service, which alone holds the cache and its key.

import { PsiError } from '../../core/error.ts';
import { exitCode } from '../../core/exit.ts';
import type { CacheReport } from '../../cache/control.ts';
import type { RefreshReport } from '../../cache/refresh.ts';
import type { KeyReport } from '../../sealing/key-report.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import { outcomeLine, printCacheReport, printFailure, printKeyReport } from '../cache-report.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { Terminal } from '../terminal.ts';
import type { Failure } from '../../core/failure.ts';

const TURN_ON =
  'turn it on in the config: `cache: {enabled: true, backend: tpm}`, then `systemctl restart psi.service`';

export async function cacheStatusCommand(
  client: ControlClient,
  terminal: Terminal,
  options: { readonly verify: boolean; readonly json: boolean },
): Promise<number> {
  const text = await client.get(`/cache?verify=${String(options.verify)}`);
  const report = JSON.parse(text) as CacheReport | null;
  if (options.json) terminal.out(text);
  else if (report) printCacheReport(terminal, report);
  else terminal.out(`cache: off\nhint: ${TURN_ON}`);
  if (!options.verify) return 0;
  if (!report) return exitCode('KEY_UNAVAILABLE');
  return report.verified?.ok === false ? exitCode(report.verified.code) : 0;
}

type Refreshed =
  | SetupEvent
  | { readonly event: 'refreshed'; readonly report: RefreshReport | null }
  | { readonly event: 'error'; readonly failure: Failure; readonly exit: number };

/** With the cache off there is nothing to do, and no failure: the timer may be there before the cache is. */
export async function cacheRefreshCommand(
  client: ControlClient,
  terminal: Terminal,
  options: { readonly json: boolean },
): Promise<number> {
  for await (const line of client.stream('/cache/refresh', {})) {
    const event = line as Refreshed;
    if (event.event === 'listing') terminal.progress(`${event.workload}: listing ${event.project}:${event.path}`);
    if (event.event === 'error') {
      terminal.progress('');
      if (options.json) terminal.out(JSON.stringify({ error: event.failure }));
      else printFailure(terminal, event.failure);
      return event.exit;
    }
    if (event.event === 'refreshed') {
      terminal.progress('');
      return refreshed(terminal, event.report, options.json);
    }
  }
  throw new PsiError('SERVICE_DOWN', 'the service ended its answer without a report', {
    hint: 'see `journalctl -u psi`',
  });
}

function refreshed(terminal: Terminal, report: RefreshReport | null, json: boolean): number {
  if (json) terminal.out(JSON.stringify(report));
  else if (!report) terminal.out(`cache: off, nothing to refresh\nhint: ${TURN_ON}`);
  else {
    terminal.out(outcomeLine(report.cache));
    for (const failure of report.failures) printFailure(terminal, failure);
    if (!report.cache.saved && report.cache.hint !== null) terminal.error(`hint: ${report.cache.hint}`);
  }
  return report?.exit ?? 0;
}

export async function cacheInvalidateCommand(
  client: ControlClient,
  terminal: Terminal,
  name: string,
  options: { readonly json: boolean },
): Promise<number> {
  const text = await client.post('/cache/invalidate', { name });
  const { named, dropped } = JSON.parse(text) as { named: number; dropped: number };
  if (options.json) terminal.out(text);
  else terminal.out(`dropped ${String(dropped)} of ${String(named)} from the cache; the next lookup asks the provider`);
  return 0;
}

type InitReport = {
  readonly key: KeyReport;
  readonly configured: boolean;
  readonly inUse: boolean;
  readonly configFile: string;
};

export async function cacheInitCommand(
  client: ControlClient,
  terminal: Terminal,
  options: { readonly backend: string; readonly json: boolean },
): Promise<number> {
  const text = await client.post('/cache/init', { backend: options.backend });
  const report = JSON.parse(text) as InitReport;
  if (options.json) terminal.out(text);
  else {
    printKeyReport(terminal, report.key);
    for (const line of nextSteps(report)) terminal.out(line);
  }
  return 0;
}

function nextSteps({ key, configured, inUse, configFile }: InitReport): readonly string[] {
  const fill = 'next: podman exec psi psi cache refresh';
  if (configured && inUse) return [fill];
  const restart = [
    'next: psi systemd install',
    'next: systemctl daemon-reload',
    'next: systemctl restart psi.service',
    fill,
  ];
  if (configured) return restart;
  return [
    `next: put this into ${configFile}:`,
    '  cache:',
    '    enabled: true',
    `    backend: ${key.backend}`,
    ...restart,
  ];
}
