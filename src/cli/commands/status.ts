// `psi status`: is the service there, and what does it hold?

import type { Command } from 'commander';
import type { CacheStatus } from '../../cache/status.ts';
import { EXIT } from '../../core/exit.ts';
import { painted } from '../../core/text/line.ts';
import type { ServiceStatus } from '../../lookup/status.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { duration } from '../duration.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { printCacheLine } from './cache-report.ts';

type Status = ServiceStatus & { readonly cache: CacheStatus | null };

/** `--json` has all of them. */
const MOST_NAMED = 10;

export function addStatus(program: Command, cli: Cli): void {
  completedWithJson(program.command('status').description('what the running service holds and what failed last'), cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi status',
    run: async () => {
      const status = JSON.parse(await (await cli.clientWhateverConfig('blame the service')).get('/status')) as Status;
      return {
        exit: EXIT.DONE,
        result: status,
        print: () => {
          printStatus(cli.terminal, status);
        },
      };
    },
  });
}

function printProblems(terminal: Terminal, { problems, problemCount }: Status): void {
  for (const { subject, message, hint } of problems) {
    terminal.out([painted('red', 'problem'), ` ${subject === null ? '' : `${subject}: `}${message}`]);
    if (hint !== null) terminal.out(`        ${hint}`);
  }
  const more = problemCount - problems.length;
  if (more > 0) terminal.out([painted('red', 'problem'), ` and ${String(more)} more of this kind`]);
}

function printHostCurl(terminal: Terminal, { hostCurl }: Status): void {
  if (hostCurl === null) return;
  const { version, limit } = hostCurl;
  terminal.out(`curl of the host: ${version}${limit === null ? '' : ` (${limit})`}`);
}

function printStatus(terminal: Terminal, status: Status): void {
  terminal.out(`psi ${status.version}, up ${duration(status.upSeconds)}`);
  terminal.out(`secrets registered: ${String(status.mappings)}`);
  printProblems(terminal, status);
  printHostCurl(terminal, status);
  for (const note of status.notes) terminal.out([painted('dim', 'note'), ` ${note}`]);
  terminal.out(`lookups: ${String(status.lookups.ok)} answered, ${String(status.lookups.failed)} failed`);
  for (const failure of status.lastFailures) {
    terminal.out([painted('red', 'failed'), ` ${failure.at} ${failure.name ?? failure.id}: ${failure.message}`]);
  }
  if (status.refused > 0) terminal.out(`other requests refused: ${String(status.refused)}`);
  for (const { at, request, id, message } of status.lastRefusals) {
    terminal.out([painted('red', 'refused'), ` ${at} ${request}${id === null ? '' : ` ${id}`}: ${message}`]);
  }
  if (status.lastSetup) {
    const { at, changes, failures, outcome } = status.lastSetup;
    const left = outcome === 'left' ? ', something was left as it was' : '';
    terminal.out(`last setup: ${at}, ${String(changes)} changes, ${String(failures)} failures${left}`);
  }
  if (status.setupOwed) {
    const { workloads, nextTry } = status.setupOwed;
    const more =
      (workloads?.length ?? 0) > MOST_NAMED ? ` and ${String((workloads?.length ?? 0) - MOST_NAMED)} more` : '';
    const what = workloads === null ? 'all workloads' : `${workloads.slice(0, MOST_NAMED).join(', ')}${more}`;
    terminal.out(`setup owed: ${what}; ${nextTry === null ? 'being tried' : `tried again by itself at ${nextTry}`}`);
  }
  if (status.cache) printCacheLine(terminal, status.cache);
}
