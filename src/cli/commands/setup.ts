// `psi setup`: asks the running service to plan and apply, shows progress, prints the report.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { painted, type Style } from '../../core/text/line.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { ChangeReport, EndedEarly, SetupEvent, SetupReport, Undone } from '../../registration/setup-events.ts';
import { completedWithJson, type Ending, type Cli, type JsonFlag } from '../command.ts';
import { follow } from '../follow.ts';
import { ASKS_SERVICE, ENDED } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { BootWait } from './boot-wait.ts';
import { outcomeLine } from './cache-report.ts';

type SetupFlags = JsonFlag & {
  readonly provider?: string;
  readonly workload?: string;
  readonly dryRun: boolean;
  readonly boot: boolean;
};

export function addSetup(program: Command, cli: Cli): void {
  const command = program
    .command('setup')
    .description('register the secrets of all workloads with Podman and write their drop-ins')
    .option('--provider <name>', 'only workloads of this provider')
    .option('--workload <name>', 'only this workload')
    .option('--dry-run', 'print what would change, change nothing', false)
    .option(
      '--boot',
      'for the setup unit: end when no workload lacks a secret that its drop-in names, after 280 s at the latest; psi goes on',
      false,
    );
  completedWithJson(command, cli, {
    exits: {
      ...ASKS_SERVICE,
      ...ENDED,
      FAILED: 'the run failed, or a workload that has no secrets yet could get none',
      LEFT: 'something was left as it was; every workload has what it had, and the service tries again by itself',
      DRIFT: 'with --dry-run: something would change',
      TRY_LATER:
        'not now: the same again later may succeed; with --boot: a workload still lacks secrets, and psi goes on',
    },
    example: 'podman exec psi psi setup --dry-run',
    run: async (flags: SetupFlags) => setup(await cli.clientWhateverConfig('blame the config'), cli, flags),
  });
}

async function setup(
  client: ControlClient,
  cli: Cli,
  { provider, workload, dryRun, boot, json }: SetupFlags,
): Promise<Ending> {
  const { terminal } = cli;
  const place = new WorkloadPlace();
  const waiting = boot && !dryRun ? new BootWait(cli) : undefined;
  return follow<SetupEvent>(cli, client, {
    name: 'setup',
    path: '/setup',
    body: { provider, workload, dryRun, ...(waiting && { boot }) },
    json,
    ...(waiting && { until: waiting.ends }),
    on: (event) => {
      if (event.event === 'ready') {
        waiting?.ready(done(terminal, event.report), event.rest);
        return undefined;
      }
      return event.event === 'done' ? done(terminal, event.report) : shown(terminal, place, event);
    },
  });
}

/** Which workload of how many the run is at. */
class WorkloadPlace {
  #text = '';

  at({ done: count, total }: { readonly done: number; readonly total: number }): void {
    this.#text = ` (${String(count + 1)}/${String(total)})`;
  }

  of(workload: string | null): string {
    return workload === null ? 'setup' : `${workload}${this.#text}`;
  }
}

function shown(terminal: Terminal, place: WorkloadPlace, event: SetupEvent): string | undefined {
  switch (event.event) {
    case 'retrying':
      terminal.error(`${event.message}; trying again in ${String(Math.round(event.waitMs / 1000))} s`);
      return `${place.of(event.workload)}: waiting for the provider`;
    case 'workload':
      place.at(event);
      return place.of(event.workload);
    case 'listing':
      return `${place.of(event.workload)}: listing ${event.project}:${event.path}`;
    case 'applying':
      return `${place.of(event.workload)}: ${String(event.done + 1)}/${String(event.total)}`;
    case 'caching':
      return 'saving the cache';
    default:
      return undefined;
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
    const why = change.reason === undefined ? '' : `: its driver commands differ, ${change.reason}`;
    terminal.out([painted(verb.style, word), ` ${subject(change)}${why}`]);
  }
  for (const orphan of report.orphans) {
    terminal.out([
      painted('dim', 'orphan'),
      orphan.gone
        ? ` ${orphan.name}: in Podman, of a workload that is not in the config; \`podman exec psi psi prune\``
        : ` ${orphan.name}: in Podman, used by no workload any more; \`podman secret rm ${orphan.name}\``,
    ]);
  }
  // A run that changes things notes those that are refused for their names.
  for (const { unit, reason } of report.dryRun ? report.passedOver : []) {
    terminal.out([painted('dim', 'passed over'), ` ${unit}: ${reason}`]);
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
  if (report.ended) printEnded(terminal, report, report.ended);
  if (report.nextTry !== null) {
    terminal.out([
      painted('dim', 'note'),
      ' what was left is tried again by itself: `podman exec psi psi status` says when',
    ]);
  }
  terminal.out(summary(report));
}

/** Of a host with many workloads the first ones. */
const NAMED = 20;

/** What was done stands in the lines above. */
function printEnded(terminal: Terminal, { changes }: SetupReport, { reason, undone }: EndedEarly): void {
  const rest = undone.length - NAMED;
  for (const one of undone.slice(0, NAMED)) {
    terminal.fail({ message: undoneWords(one, changes) }, { word: 'not done', subject: one.workload });
  }
  if (rest > 0) terminal.fail({ message: `${String(rest)} more workloads` }, { word: 'not done' });
  const nothing = changes.length === 0 ? '; nothing was changed' : '';
  terminal.fail({
    message: `setup was ended before its end: ${reason}${nothing}`,
    hint: 'run `podman exec psi psi setup` again: it goes on where it was',
  });
}

function undoneWords({ workload, changes }: Undone, all: readonly ChangeReport[]): string {
  if (changes === null) return 'not begun';
  const made = all.filter((change) => change.workload === workload).length;
  return `${String(changes)} of ${String(made + changes)} changes`;
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
    ...(report.ended ? ['ended early'] : []),
  ];
  return parts.join(', ');
}
