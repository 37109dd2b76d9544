// `psi serve`: starts the service and stops it in an orderly way when systemd says so.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { completed, type Ending, type Cli } from '../command.ts';
import { exits } from '../help.ts';
import { endNow } from '../leave.ts';

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

/** For all of a stop. What can hang beyond the service's own bounds: a reader of the log who reads no more, a device. */
const LAST_RESORT_MS = 3_500;

/** Resolves after SIGTERM or SIGINT, when everything accepted has been answered. A second signal does not cut it shorter. */
async function serve(configFile: string | undefined, needs: ServeNeeds): Promise<Ending> {
  const stopRequested = stopSignal().then(() => {
    setTimeout(endNow, LAST_RESORT_MS, EXIT.DONE).unref();
    return undefined;
  });
  // Until it serves nothing was accepted, and a start that hangs must not keep it.
  const running = await Promise.race([needs.serve(configFile), stopRequested]);
  await stopRequested;
  await running?.stop();
  return { exit: EXIT.DONE, print: () => undefined };
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        resolve();
      });
    }
  });
}
