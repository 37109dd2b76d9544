// `psi setup`: asks the running service to plan and apply, shows progress, prints the report.

import type { Command } from 'commander';
import type { LocatedIssue } from '../../config/findings/issue.ts';
import { EXIT } from '../../core/exit.ts';
import { painted, type Style } from '../../core/text/line.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { ChangeReport, SetupEvent, SetupReport } from '../../registration/setup-events.ts';
import type { SetupRequest } from '../../registration/setup.ts';
import { completedWithJson, failedAnswer, endedEarly, type Ending, type Cli } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { outcomeLine } from './cache-report.ts';

type SetupFlags = { readonly provider?: string; readonly workload?: string; readonly dryRun: boolean };

export function addSetup(program: Command, cli: Cli): void {
  const command = program
    .command('setup')
    .description('register the secrets of all workloads with Podman and write their drop-ins')
    .option('--provider <name>', 'only workloads of this provider')
    .option('--workload <name>', 'only this workload')
    .option('--dry-run', 'print what would change, change nothing', false);
  completedWithJson(command, cli, {
    exits: {
      ...ASKS_SERVICE,
      FAILED: 'the run failed, or a workload that has no secrets yet could get none',
      LEFT: 'something was left as it was; every workload has what it had, and the service tries again by itself',
      DRIFT: 'with --dry-run: something would change',
    },
    example: 'podman exec psi psi setup --dry-run',
    run: async ({ provider, workload, dryRun }: SetupFlags) =>
      setup(await cli.clientWhateverConfig('blame the config'), cli, { provider, workload, dryRun }),
  });
}

async function setup(client: ControlClient, cli: Cli, request: SetupRequest): Promise<Ending> {
  for await (const line of client.stream('/setup', request)) {
    const event = line as SetupEvent;
    if (event.event === 'done') return done(cli.terminal, event.report);
    if (event.event === 'error') {
      return failedAnswer(cli, { ...event, issues: event.issues as readonly LocatedIssue[] | undefined });
    }
    show(cli.terminal, event);
  }
  throw endedEarly();
}

function show(terminal: Terminal, event: Exclude<SetupEvent, { readonly event: 'done' | 'error' }>): void {
  switch (event.event) {
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

function done(terminal: Terminal, report: SetupReport): Ending {
  return {
    exit: exitOf(report),
    result: report,
    print: () => {
      printSetupReport(terminal, report);
    },
  };
}

function exitOf(report: SetupReport): number {
  if (report.outcome === 'failed') return EXIT.FAILED;
  if (report.outcome === 'left') return EXIT.LEFT;
  return report.dryRun && report.changes.length > 0 ? EXIT.DRIFT : EXIT.DONE;
}

const VERBS: Readonly<
  Record<ChangeReport['action'], { readonly plan: string; readonly done: string; readonly style: Style }>
> = {
  'write-header': { plan: 'write', done: 'wrote', style: 'yellow' },
  create: { plan: 'create', done: 'created', style: 'green' },
  remap: { plan: 'remap', done: 'remapped', style: 'yellow' },
  replace: { plan: 'replace', done: 'replaced', style: 'yellow' },
  'write-drop-in': { plan: 'write', done: 'wrote', style: 'yellow' },
  'remove-drop-in': { plan: 'remove', done: 'removed', style: 'red' },
};

function printSetupReport(terminal: Terminal, report: SetupReport): void {
  for (const change of report.changes) {
    const verb = VERBS[change.action];
    const word = report.dryRun ? `would ${verb.plan}` : verb.done;
    terminal.out([painted(verb.style, word), ` ${subject(change)}`]);
  }
  for (const orphan of report.orphans) {
    terminal.out([
      painted('dim', 'orphan'),
      orphan.gone
        ? ` ${orphan.name}: in Podman, of a workload that is not in the config; \`podman exec psi psi prune\``
        : ` ${orphan.name}: in Podman, used by no workload any more; \`podman secret rm ${orphan.name}\``,
    ]);
  }
  for (const { workload, name, by, entry } of report.overridden) {
    const why = entry
      ? 'whose `keys` name it: that wins over a source without'
      : 'which is listed later than another source of it';
    terminal.out([painted('dim', 'note'), ` ${workload}: ${name} comes from ${by}, ${why}`]);
  }
  for (const note of report.notes) terminal.out([painted('dim', 'note'), ` ${note}`]);
  if (report.cache) {
    const hint = report.cache.saved ? null : report.cache.hint;
    terminal.tell([painted('dim', 'note'), ` ${outcomeLine(report.cache)}`], hint);
  }
  for (const { workload, key, reason, hint } of report.refused) {
    terminal.fail({ message: reason, hint }, { word: 'refused', subject: `${workload}: ${key}` });
  }
  for (const { workload, name, reason, hint } of report.problems) {
    terminal.fail({ message: reason, hint }, { subject: `${workload}: ${name}` });
  }
  for (const { unit, reason, hint } of report.left)
    terminal.fail({ message: reason, hint }, { word: 'left', subject: unit });
  for (const failure of report.failures) terminal.fail(failure, { subject: failure.workload });
  if (report.nextTry !== null) {
    terminal.out([
      painted('dim', 'note'),
      ' what was left is tried again by itself: `podman exec psi psi status` says when',
    ]);
  }
  terminal.out(summary(report));
}

function subject(change: ChangeReport): string {
  switch (change.action) {
    case 'write-header':
      return "the header file with the socket's token";
    case 'create':
    case 'replace':
      return `secret ${change.target ?? ''}`;
    case 'remap':
      return `mapping of ${change.target ?? ''}`;
    case 'write-drop-in':
    case 'remove-drop-in':
      return `drop-in of ${change.target ?? ''}`;
  }
}

function summary(report: SetupReport): string {
  const count = report.changes.length;
  const changes = count === 0 ? 'nothing to change' : `${String(count)} ${count === 1 ? 'change' : 'changes'}`;
  const failed = report.failures.length + report.problems.length;
  const parts = [
    report.dryRun && count > 0 ? `${changes} planned` : changes,
    `${String(report.kept)} unchanged`,
    ...(report.refused.length > 0 ? [`${String(report.refused.length)} refused`] : []),
    ...(failed > 0 ? [`${String(failed)} failed`] : []),
    ...(report.left.length > 0 ? [`${String(report.left.length)} left`] : []),
  ];
  return parts.join(', ');
}
