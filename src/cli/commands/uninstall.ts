// `psi uninstall`: what it takes, or would take, from this host, and what stays.

import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { PsiError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Scope } from '../../core/scope.ts';
import { painted } from '../../core/text/line.ts';
import { ownContainer } from '../../host/command/own-container.ts';
import { asOnHost } from '../../host/command/places.ts';
import type { UninstallOptions, UninstallReport } from '../../host/uninstall.ts';
import { completed, type Cli } from '../command.ts';
import { EXIT_WORDS, exits } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export type UninstallNeeds = {
  readonly uninstall: (config: Config, options: UninstallOptions) => Promise<UninstallReport>;
  /** Is this a command in the container of psi.service? */
  readonly insideService: boolean;
};

export function addUninstall(program: Command, cli: Cli<UninstallNeeds>): void {
  completed(
    program
      .command('uninstall')
      .description('show, and with --apply take away, all that install and setup made on this host')
      .option('--keep-state', 'leave the state folder with the cache and the states of certificates', false)
      .option('--force', 'also while containers name secrets of psi', false)
      .option('--apply', 'do what is shown', false),
    cli,
    {
      exits: {
        ...exits('CANNOT_CREATE', 'HOST', 'CONFIG'),
        FAILED: EXIT_WORDS.FAILED,
        DRIFT: 'without --apply: something would be taken away',
        LEFT: 'something stays, the lines on stderr say what; nothing was done if it is a container',
      },
      example: 'psi uninstall',
      run: async (flags: UninstallOptions) => {
        const { insideService, uninstall } = await cli.compose();
        const config = await cli.configOrLastGood().catch(() => cli.configOrDefaults());
        if (insideService) throw inTheWrongPlace(config.scope);
        const report = await uninstall(config, flags);
        return {
          exit: exitOf(report),
          print: () => {
            print(cli.terminal, report);
          },
        };
      },
    },
  );
}

/** The container of psi.service sees only a part of the host, and would end with its unit. */
function inTheWrongPlace(scope: Scope): PsiError {
  return new PsiError('USAGE', 'psi cannot uninstall itself from within its own container', {
    hint: `run it as you ran \`psi install\`: \`${ownContainer(scope, 'IMAGE uninstall')}\``,
  });
}

function exitOf({ applied, blocked, undone, left, failures }: UninstallReport): number {
  if (failures.length > 0) return EXIT.FAILED;
  if (!blocked && !applied && undone.length > 0) return EXIT.DRIFT;
  return left.length > 0 ? EXIT.LEFT : EXIT.DONE;
}

function print(terminal: Terminal, { applied, blocked, undone, left, failures }: UninstallReport): void {
  for (const { what, target } of undone) {
    terminal.out([painted('red', applied ? 'removed' : 'would remove'), ` ${what} ${asOnHost(target)}`]);
  }
  for (const { subject, reason, hint } of left) terminal.fail({ message: reason, hint }, { word: 'left', subject });
  for (const failure of failures) terminal.fail(failure);
  if (failures.length > 0) terminal.note('run the same command again: it goes on where it was');
  const next = !applied && !blocked && undone.length > 0 ? '; do it: add `--apply`' : '';
  terminal.out(`${summary(applied, undone.length)}${next}`);
  if (applied && failures.length === 0) {
    terminal.note('the config, its credentials, certificates and the image are yours and stay: see docs/uninstall.md');
  }
}

function summary(applied: boolean, count: number): string {
  if (count === 0) return 'nothing to remove';
  return `${String(count)} ${applied ? 'removed' : 'to remove'}`;
}
