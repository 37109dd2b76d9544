// `psi serve`: starts the service and stops it in an orderly way when systemd says so.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { completed, type Ending, type Cli } from '../command.ts';
import { exits } from '../help.ts';

/** A running service. `stop` finishes what was accepted. */
export type Running = { readonly stop: () => Promise<void> };

/** `configFile`: of `--config`. */
export type ServeNeeds = { readonly serve: (configFile: string | undefined) => Promise<Running> };

export function addServe(program: Command, cli: Cli<ServeNeeds>): void {
  completed(program.command('serve').description('answer lookups; what the psi container runs'), cli, {
    exits: { DONE: 'it was stopped', ...exits('DATA', 'UNAVAILABLE', 'HOST') },
    example: 'psi serve --config /etc/psi/config.yaml',
    run: async () => serve(cli.configFile(), await cli.compose()),
  });
}

/** Resolves after SIGTERM or SIGINT, when everything accepted has been answered. A second signal does not cut it shorter: systemd will. */
async function serve(configFile: string | undefined, needs: ServeNeeds): Promise<Ending> {
  const stopRequested = new Promise<void>((resolve) => {
    // As PID 1 of the container Node gets no default handlers: without these a stop would take ten seconds and a SIGKILL.
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        resolve();
      });
  });
  const running = await needs.serve(configFile);
  await stopRequested;
  await running.stop();
  return { exit: EXIT.DONE, print: () => undefined };
}
