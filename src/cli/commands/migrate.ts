// `psi migrate`: what brings this host over from the Python PSI, and what came of it.

import type { Command } from 'commander';
import { PsiError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import { painted, type Line, type Style } from '../../core/text/line.ts';
import type { Completions } from '../../host/command/put.ts';
import { ownContainer } from '../../host/command/own-container.ts';
import { asOnHost } from '../../host/command/places.ts';
import type { MigrateOptions } from '../../migrate/install.ts';
import type { MigrateReport } from '../../migrate/migrate.ts';
import type { Remark } from '../../migrate/remarks.ts';
import type { StepWords, Tell } from '../../migrate/steps.ts';
import { completedWithJson, type Cli, type JsonFlag } from '../command.ts';
import { completionsOf } from './completion.ts';
import { EXIT_WORDS, exits } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export type MigrateNeeds = {
  /** `configFile`: of `--config`. */
  readonly migrate: (
    configFile: string | undefined,
    options: MigrateOptions,
    completions: Completions,
  ) => Promise<MigrateReport>;
  /** Is this a command in the container of psi.service? */
  readonly insideService: boolean;
};

export function addMigrate(program: Command, cli: Cli<MigrateNeeds>): void {
  completedWithJson(
    program
      .command('migrate')
      .description('show, and with --apply carry out, what brings this host over from the Python PSI')
      .option('--image <ref>', 'image of the psi container')
      .option('--unprivileged', 'the least rights that work instead of --privileged')
      .option('--apply', 'do what is shown', false),
    cli,
    {
      exits: {
        ...exits('DATA', 'CANNOT_CREATE', 'HOST', 'CONFIG'),
        FAILED: EXIT_WORDS.FAILED,
        DRIFT: 'without --apply: there is something to do',
        LEFT: 'something cannot be moved, the lines on stderr say what; nothing was done if it keeps the rest from it',
      },
      example: 'psi migrate',
      run: async (flags: JsonFlag & { apply: boolean; image?: string; unprivileged?: boolean }) => {
        const { insideService, migrate } = await cli.compose();
        if (insideService) throw inTheWrongPlace();
        const { apply, image, unprivileged } = flags;
        const tell = flags.json ? () => undefined : teller(cli.terminal);
        const report = await migrate(cli.configFile(), { apply, image, unprivileged, tell }, completionsOf(program));
        cli.terminal.progress('');
        return {
          exit: exitOf(report),
          result: resultOf(report),
          failure: report.failure ?? null,
          print: () => {
            print(cli.terminal, report);
          },
        };
      },
    },
  );
}

/** The container of psi.service sees only a part of the host. */
function inTheWrongPlace(): PsiError {
  return new PsiError('USAGE', 'psi cannot migrate a host from within its own container', {
    hint: `run it as you ran \`psi install\`: \`${ownContainer('system', 'IMAGE migrate')}\``,
  });
}

function exitOf({ applied, steps, refusals, left, failure }: MigrateReport): number {
  if (failure) return EXIT.FAILED;
  if (refusals.length > 0) return EXIT.LEFT;
  if (!applied && steps.length > 0) return EXIT.DRIFT;
  return left.length > 0 ? EXIT.LEFT : EXIT.DONE;
}

function resultOf({ applied, steps, notes, refusals, left, config }: MigrateReport): unknown {
  const plain = (remarks: readonly Remark[]): unknown =>
    remarks.map(({ subject, reason, hint }) => ({ subject, reason, hint: hint ?? null }));
  return { applied, steps, notes: plain(notes), refusals: plain(refusals), left: plain(left), config: config ?? null };
}

/** Whoever watches, or reads what was left when it was ended, sees how far it came. */
function teller(terminal: Terminal): Tell {
  return (step, at) => {
    if (at === 'begin') terminal.progress(`${step.what} ${asOnHost(step.target)}`);
    else terminal.out(stepLine(step, 'green'));
  };
}

function stepLine({ what, target, why }: StepWords, style: Style): Line {
  return [painted(style, what), ` ${asOnHost(target)}`, painted('dim', `  ${why}`)];
}

function print(terminal: Terminal, report: MigrateReport): void {
  const { applied, steps, notes, refusals, left, config, failure } = report;
  if (config !== undefined && !applied) terminal.data(`${config}\n`);
  // What is done was told when it was.
  if (!applied) for (const step of steps) terminal.out(stepLine(step, 'cyan'));
  for (const { subject, reason, hint } of notes)
    terminal.note(`${subject}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
  for (const { subject, reason, hint = '' } of refusals)
    terminal.fail({ message: reason, hint }, { word: 'refused', subject });
  for (const { subject, reason, hint = '' } of left)
    terminal.fail({ message: reason, hint }, { word: 'left', subject });
  if (failure) terminal.fail(failure);
  terminal.out(summary(report));
}

function summary({ applied, steps, refusals, failure }: MigrateReport): string {
  if (refusals.length > 0) return 'nothing was done: mend what is refused, then run this again';
  if (steps.length === 0 && !failure) return 'nothing of the Python PSI is to be moved here';
  if (!applied) return `${String(steps.length)} steps to do; do them: add \`--apply\``;
  return `${String(steps.length)} steps done${failure ? ', then it ended' : ''}`;
}
