// How long the setup unit waits at boot: workloads that are ordered after it start when it ends. They need no more than what their drop-ins
// name, so it ends there; the run itself goes on in the service.

import { EXIT } from '../../core/exit.ts';
import { failedAnswer, type Cli, type Ending } from '../command.ts';

/** With what Podman needs to start a command this stays below the unit's own limit, which says nothing. */
const LONGEST_MS = 280_000;

/** A run that is nearly done tells its whole report, and the unit's status with it. */
const REST_MS = 5_000;

export class BootWait {
  readonly #cli: Cli;
  readonly #ended = Promise.withResolvers<Ending>();

  constructor(cli: Cli) {
    this.#cli = cli;
    this.#in(LONGEST_MS, () => tooLong(cli));
  }

  get ends(): Promise<Ending> {
    return this.#ended.promise;
  }

  /** `rest`: so many workloads are still to be looked at. */
  ready(ending: Ending, rest: number): void {
    const { terminal } = this.#cli;
    this.#in(REST_MS, () => ({
      ...ending,
      print: async () => {
        await ending.print();
        terminal.note(`whoever waited can start; psi goes on by itself with ${String(rest)} more workloads`);
      },
    }));
  }

  #in(ms: number, ending: () => Ending): void {
    setTimeout(() => {
      this.#ended.resolve(ending());
    }, ms).unref();
  }
}

function tooLong(cli: Cli): Ending {
  return failedAnswer(cli, {
    exit: EXIT.TRY_LATER,
    failure: {
      code: 'DEADLINE',
      message: `after ${String(LONGEST_MS / 1000)} s a workload still lacks secrets; psi goes on by itself`,
      hint: '`podman exec psi psi status` tells what it is at, and what is in its way',
    },
  });
}
