// `psi setup`: asks the running service to plan and apply, shows progress, prints the report.

import type { LocatedIssue } from '../../config/findings/issue.ts';
import { PsiError } from '../../core/error.ts';
import type { SetupEvent, SetupReport } from '../../registration/setup-events.ts';
import type { SetupRequest } from '../../registration/setup.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import { printSetupReport, setupExit } from '../setup-report.ts';
import type { Terminal } from '../terminal.ts';

export type SetupOptions = SetupRequest & { readonly json: boolean };

/** Resolves to the exit status. `formatIssues` turns the config's problems, as the service sent them, into text. */
export async function setupCommand(
  client: ControlClient,
  terminal: Terminal,
  options: SetupOptions,
  formatIssues: (issues: readonly LocatedIssue[]) => Promise<string>,
): Promise<number> {
  const { json, ...request } = options;
  for await (const line of client.stream('/setup', request)) {
    const event = line as SetupEvent;
    switch (event.event) {
      case 'done':
        terminal.progress('');
        return finish(terminal, event.report, json);
      case 'error':
        return failed(terminal, event, json, formatIssues);
      case 'retrying':
        terminal.error(`${event.message}; trying again in ${String(Math.round(event.waitMs / 1000))} s`);
        break;
      case 'waiting':
        terminal.error(event.message);
        break;
      case 'listing':
        terminal.progress(`${event.workload}: listing ${event.project}:${event.path}`);
        break;
      case 'applying':
        terminal.progress(`applying ${String(event.done + 1)}/${String(event.total)}`);
        break;
      case 'reloading':
        terminal.progress('systemd reads the units again');
        break;
      case 'caching':
        terminal.progress('saving the cache');
        break;
    }
  }
  throw new PsiError('SERVICE_DOWN', 'the service ended its answer without a report', {
    hint: 'see `journalctl -u psi`',
  });
}

function finish(terminal: Terminal, report: SetupReport, json: boolean): number {
  if (json) terminal.out(JSON.stringify(report));
  else printSetupReport(terminal, report);
  return setupExit(report);
}

async function failed(
  terminal: Terminal,
  event: Extract<SetupEvent, { event: 'error' }>,
  json: boolean,
  formatIssues: (issues: readonly LocatedIssue[]) => Promise<string>,
): Promise<number> {
  terminal.progress('');
  const { message, hint } = event.failure;
  if (json) terminal.out(JSON.stringify({ error: event.failure, issues: event.issues }));
  else if (event.issues !== undefined) terminal.error(await formatIssues(event.issues as readonly LocatedIssue[]));
  if (!json) {
    terminal.error(`error: ${message}`);
    if (hint !== null) terminal.error(`hint: ${hint}`);
  }
  return event.exit;
}
