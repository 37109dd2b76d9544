// `psi sealed reseal`: the values are sealed for the recipients that the config names now.

import type { Command } from 'commander';
import { painted } from '../../core/text/line.ts';
import type { ResealedReport } from '../../sealed/reports.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export function addSealedReseal(sealed: Command, cli: Cli): void {
  const command = sealed
    .command('reseal')
    .description('seal each of them anew for the recipients that the config names');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi sealed reseal',
    run: async () => {
      const report = JSON.parse(await (await cli.client()).post('/sealed/reseal', {})) as ResealedReport;
      return {
        exit: report.exit,
        result: report,
        print: () => {
          printSealedAnew(cli.terminal, report);
        },
      };
    },
  });
}

/** Each by its name: whoever has lost a board looks for one of them. */
export function printSealedAnew(terminal: Terminal, { sealed, aside, failures }: ResealedReport): void {
  terminal.out(`sealed anew: ${String(sealed.length)}`);
  for (const { name, podman } of sealed) {
    const others = podman.filter((one) => one !== name);
    terminal.out([
      painted('green', 'sealed'),
      ` ${name}${others.length === 0 ? '' : `; in podman: ${others.join(', ')}`}`,
    ]);
  }
  if (aside > 0) terminal.out(`sealed anew of those aside: ${String(aside)}`);
  // A device that is away concerns hundreds of them: its words are said once, with every name.
  for (const same of Map.groupBy(failures, ({ message }) => message).values()) {
    const [failure] = same;
    if (failure) terminal.fail(failure, { subject: same.map(({ name }) => name).join(', ') });
  }
}
