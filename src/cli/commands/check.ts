// `psi check`: is a config file good, before or without a service that takes it?

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { painted } from '../../core/text/line.ts';
import type { CheckReport } from '../../service/check.ts';
import { completedWithJson, type Cli } from '../command.ts';

export type CheckNeeds = {
  /** `configFile`: of `--config`. */
  readonly check: (configFile: string | undefined) => Promise<CheckReport>;
};

export function addCheck(program: Command, cli: Cli<CheckNeeds>): void {
  const command = program
    .command('check')
    .description('judge the config file; asks neither the service nor a provider, and changes nothing');
  completedWithJson(command, cli, {
    exits: { DONE: 'the config is good; what is doubtful, or missing beside it, is listed', CONFIG: 'it is refused' },
    example: 'podman exec psi psi check',
    run: async () => {
      const report = await (await cli.compose()).check(cli.configFile());
      const { file, failure, findings, missing, timer, open, lastGood } = report;
      return {
        exit: failure === null ? EXIT.DONE : EXIT.CONFIG,
        result: { file, good: failure === null, missing, timer, open, lastGood },
        failure,
        issues: findings,
        print: () => printCheck(cli, report),
      };
    },
  });
}

async function printCheck({ terminal, formatIssues }: Cli, report: CheckReport): Promise<void> {
  const { file, failure, findings, missing, timer, open, lastGood } = report;
  for (const line of await formatIssues(findings)) terminal.out(line);
  for (const { message, hint } of missing) terminal.tell([painted('red', 'missing'), ` ${message}`], hint);
  if (timer) terminal.tell([painted('yellow', 'warning'), ` ${timer.message}`], timer.hint);
  for (const { message, hint } of open) terminal.tell([painted('yellow', 'open'), ` ${message}`], hint);
  if (failure === null) {
    terminal.out([painted('green', 'good'), ` ${file}`]);
    return;
  }
  terminal.out([painted('red', 'refused'), ` ${failure.message}`]);
  if (lastGood) {
    terminal.out(
      `while it is refused, psi goes on with the last good config, kept since ${lastGood.since}: ${lastGood.path}`,
    );
  }
}
