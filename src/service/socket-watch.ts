// Looks at the driver's socket through its path, again and again: whoever removes or hides it breaks every lookup, and nothing of PSI would
// notice. What can be put right is put right, and everything else is named.

import type { Clock } from '../core/clock.ts';
import { toPsiError, type PsiError } from '../core/error.ts';
import { SingleFlight } from '../core/single-flight.ts';
import { socketProblem, type SocketFinding, type SocketPath, type SocketPlace } from '../host/socket-path.ts';
import { errorFields, type Log } from './log.ts';

/** Far longer than a look, far shorter than anybody's patience with lookups that fail. */
const PAUSE_MS = 10_000;

/** Between two requests to make the socket anew. */
const AGAIN_MS = 60_000;

export type SocketWatchDeps = {
  readonly socket: SocketPath;
  readonly place: SocketPlace;
  /** Makes the socket anew, and with it this process; undefined: nobody is there who could. */
  readonly renew: (() => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
};

export class SocketWatch {
  readonly #deps: SocketWatchDeps;
  readonly #looks = new SingleFlight<'look', void>();
  readonly #closing = new AbortController();
  #problem: PsiError | undefined;
  #served = false;
  #wasFine = false;
  #askedAt = -Infinity;

  constructor(deps: SocketWatchDeps) {
    this.#deps = deps;
  }

  /** As of the last look. */
  get problem(): PsiError | undefined {
    return this.#problem;
  }

  /** Looks from now on, until it is closed. */
  start(): void {
    this.#served = true;
    void this.#watch();
  }

  close(): void {
    this.#closing.abort();
  }

  /** Never rejects. Before the socket is served there is nothing to see. */
  look(): Promise<void> {
    return this.#served ? this.#looks.run('look', () => this.#lookOnce()) : Promise.resolve();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.look();
      await this.#deps.clock.sleep(PAUSE_MS, signal).catch(() => undefined);
    }
  }

  async #lookOnce(): Promise<void> {
    const { socket } = this.#deps;
    let finding = await socket.look();
    if (finding.kind === 'mode' && (await socket.restoreMode(finding.wanted))) {
      this.#deps.log.warn(
        { mode: finding.mode, restored: finding.wanted },
        'the mode of the driver socket is put back',
      );
      finding = await socket.look();
    }
    // A stop takes the socket away itself.
    if (finding.kind === 'unknown' || this.#closing.signal.aborted) return;
    this.#note(finding);
    if (finding.kind === 'fine') this.#wasFine = true;
    else await this.#renew();
  }

  #note(finding: SocketFinding): void {
    const problem = socketProblem(finding, this.#deps.place);
    if (problem && problem.message !== this.#problem?.message)
      this.#deps.log.error(errorFields(problem), problem.message);
    if (!problem && this.#problem) this.#deps.log.info('lookups reach psi again');
    this.#problem = problem;
  }

  /** One that never was in order would not be after another start either, and another. */
  async #renew(): Promise<void> {
    const { clock, log, renew } = this.#deps;
    if (!renew || !this.#wasFine || clock.monotonic() - this.#askedAt < AGAIN_MS) return;
    this.#askedAt = clock.monotonic();
    try {
      log.info('systemd is asked to restart psi.socket, and psi.service with it');
      await renew();
    } catch (thrown) {
      log.warn(errorFields(toPsiError(thrown)), 'systemd does not restart psi.socket');
    }
  }
}
