// `psi cache reseal`: whom the cache is sealed for, and what is told of a file that was sealed anew.

import type { Command } from 'commander';
import type { ResealReport } from '../../cache/reseal.ts';
import { completedWithJson, type Cli, type Ending } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { printRecipients } from './cache-report.ts';

const EXITS = {
  ...ASKS_SERVICE,
  UNAVAILABLE: 'the service is not running; the file has no key for a recipient of the config, or one does not open it',
};

export function addReseal(cache: Command, cli: Cli): void {
  const command = cache
    .command('reseal')
    .description('write the file anew for the recipients that the config names, and try who opens it');
  completedWithJson(command, cli, {
    exits: EXITS,
    example: 'podman exec psi psi cache reseal',
    run: async () => ending(cli.terminal, await (await cli.client()).post('/cache/reseal', {})),
  });
}

function ending(terminal: Terminal, answer: string): Ending {
  const report = JSON.parse(answer) as ResealReport;
  return {
    exit: report.exit,
    result: report,
    print: () => {
      printReseal(terminal, report);
    },
  };
}

export function printReseal(
  terminal: Terminal,
  { entries, recovered, failure, problem, recipients }: ResealReport,
): void {
  if (recovered !== null) terminal.out(`recovered: ${String(recovered)} entries; lookups are answered with them`);
  if (failure) {
    terminal.tell('cache: not sealed anew; the file is as it was, and opens with the recovery key again', null);
    terminal.fail(failure);
    return;
  }
  terminal.out(`cache: ${String(entries)} entries sealed anew`);
  printRecipients(terminal, recipients);
  if (problem) terminal.fail(problem);
}
