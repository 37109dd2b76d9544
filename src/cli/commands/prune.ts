// `psi prune`: asks the running service what is left of workloads that are gone, and to remove it.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { painted } from '../../core/text/line.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { PruneRequest } from '../../registration/prune.ts';
import type { PruneReport, Removal } from '../../registration/prune-report.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import { completedWithJson, type Cli, type Ending, type JsonFlag } from '../command.ts';
import { follow } from '../follow.ts';
import { ASKS_SERVICE, ENDED, EXIT_WORDS } from '../help.ts';
import type { Terminal } from '../terminal.ts';

type PruneFlags = JsonFlag & { readonly workload?: string; readonly apply: boolean };

export function addPrune(program: Command, cli: Cli): void {
  const command = program
    .command('prune')
    .description(
      'show, and with --apply remove, secrets and drop-ins of workloads that are gone, and what killed writes left',
    )
    .option('--workload <name>', 'only this one, which the config does not name, though its quadlet may be there')
    .option('--apply', 'remove what is shown', false);
  completedWithJson(command, cli, {
    exits: {
      ...ASKS_SERVICE,
      FAILED: EXIT_WORDS.FAILED,
      DRIFT: 'without --apply: something would be removed',
      ...ENDED,
      LEFT: 'nothing (more) to remove, but something stays that the config does not name; the lines on stderr say why',
    },
    example: 'podman exec psi psi prune',
    run: async ({ workload, apply, json }: PruneFlags) =>
      prune(await cli.clientWhateverConfig('blame the config'), cli, { workload, apply, json }),
  });
}

type Pruned = SetupEvent | { readonly event: 'pruned'; readonly report: PruneReport };

async function prune(client: ControlClient, cli: Cli, { json, ...request }: PruneRequest & JsonFlag): Promise<Ending> {
  return follow<Pruned>(cli, client, {
    name: 'prune',
    path: '/prune',
    body: request,
    json,
    on: (event) => {
      if (event.event === 'applying') return `removing ${String(event.done + 1)}/${String(event.total)}`;
      return event.event === 'pruned' ? pruned(cli.terminal, event.report, request) : undefined;
    },
  });
}

function pruned(terminal: Terminal, report: PruneReport, request: PruneRequest): Ending {
  return {
    exit: exitOf(report),
    result: report,
    print: () => {
      printReport(terminal, report, request);
    },
  };
}

function exitOf({ applied, removals, left, failures }: PruneReport): number {
  if (failures.length > 0) return EXIT.FAILED;
  if (!applied && removals.length > 0) return EXIT.DRIFT;
  return left.length > 0 ? EXIT.LEFT : EXIT.DONE;
}

function printReport(terminal: Terminal, report: PruneReport, { workload }: PruneRequest): void {
  for (const removal of report.removals) {
    terminal.out([painted('red', report.applied ? 'removed' : 'would remove'), ` ${subject(removal)}`]);
  }
  for (const note of report.notes) terminal.out([painted('dim', 'note'), ` ${note}`]);
  for (const { subject: of, reason, hint } of report.left) {
    terminal.fail({ message: reason, hint }, { word: 'left', subject: of });
  }
  for (const failure of report.failures) terminal.fail(failure);
  const only = workload === undefined ? '' : ` --workload ${workload}`;
  const next =
    !report.applied && report.removals.length > 0 ? `; do it: \`podman exec psi psi prune${only} --apply\`` : '';
  terminal.out(`${summary(report)}${next}`);
}

function subject({ action, target, workload }: Removal): string {
  switch (action) {
    case 'remove-drop-in':
      return `drop-in of ${target}`;
    case 'remove-secret':
      return `secret ${target}${workload === null ? '' : ` (of ${workload})`}`;
    case 'remove-mapping':
      return `mapping ${target}, of a secret that podman does not have`;
    case 'remove-file':
      return `temporary file ${target}, of a write that was cut short`;
  }
}

function summary({ applied, removals, left, failures }: PruneReport): string {
  const count = removals.length;
  return [
    count === 0 ? 'nothing to remove' : `${String(count)} ${applied ? 'removed' : 'to remove'}`,
    ...(failures.length > 0 ? [`${String(failures.length)} failed`] : []),
    ...(left.length > 0 ? [`${String(left.length)} left`] : []),
  ].join(', ');
}
