// PSI's figures as a file that a collector of the host reads by itself (node_exporter's textfile collector), written anew again and again:
// the control socket is inside the container, where no scraper comes.

import type { Clock } from '../core/clock.ts';
import { toPsiError, type PsiError } from '../core/error.ts';
import { errorFields, type Log } from './log.ts';

export type MetricsFileDeps = {
  /** False: none is wanted. */
  readonly wanted: () => boolean;
  /** Replaces the file in one step. */
  readonly write: (text: string) => Promise<void>;
  readonly text: () => Promise<string>;
  readonly pauseMs: number;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
};

export class MetricsFile {
  readonly #deps: MetricsFileDeps;
  readonly #closing = new AbortController();
  #problem: PsiError | undefined;

  constructor(deps: MetricsFileDeps) {
    this.#deps = deps;
  }

  /** Why the file is not as old as it should be; undefined: it is, or none is wanted. */
  get problem(): PsiError | undefined {
    return this.#problem;
  }

  /** Writes from now on, until it is closed. What is wrong with the file is told and stops nothing. */
  start(): void {
    void this.#keep();
  }

  close(): void {
    this.#closing.abort();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    const { clock, pauseMs } = this.#deps;
    while (!signal.aborted) {
      this.#note(await this.#written());
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #written(): Promise<PsiError | undefined> {
    const { text, wanted, write } = this.#deps;
    try {
      if (wanted()) await write(await text());
      return undefined;
    } catch (thrown) {
      return toPsiError(thrown);
    }
  }

  #note(problem: PsiError | undefined): void {
    const { log } = this.#deps;
    if (problem && problem.message !== this.#problem?.message) log.warn(errorFields(problem), problem.message);
    if (!problem && this.#problem) log.info('the metrics file is written again');
    this.#problem = problem;
  }
}
