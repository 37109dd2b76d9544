// Long work on the control face: one JSON event per line, the last one its result or its failure. It ends early when its command goes away,
// or when the command asks for its end and stays to hear what was done.

import type { Response } from 'express';
import { PsiError, toPsiError } from '../../core/error.ts';
import { exitCode } from '../../core/exit.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import { failureOf } from '../../core/failure.ts';
import { visibleJson } from '../../core/text/visible.ts';

export type OnError = (error: PsiError, route: string) => void;

export type LongWork<Last> = {
  readonly route: string;
  /** Of the command's choice: by it the work can be ended. Empty: it cannot. */
  readonly run: string;
  /** It goes on when its command goes away. */
  readonly outlivesCommand?: boolean;
  /** Its signal aborts when the work is to end. */
  readonly work: (emit: (event: SetupEvent) => void, signal: AbortSignal) => Promise<Last>;
  /** What the log says where the command was gone before the last event. */
  readonly untold?: (last: Last) => PsiError;
};

/** The long work that is under way. */
export class LongWorks {
  readonly #onError: OnError;
  readonly #running = new Map<string, AbortController>();

  constructor(onError: OnError) {
    this.#onError = onError;
  }

  /** `why`: the signal that the command got. False: there is no such run, or it has ended. */
  end(run: string, why: string): boolean {
    const found = this.#running.get(run);
    found?.abort(new PsiError('INTERNAL', `the command was ended (${why})`));
    return found !== undefined;
  }

  /** Streams the events of `work`; it answers the last one. */
  async stream<Last>(response: Response, { route, run, outlivesCommand, work, untold }: LongWork<Last>): Promise<void> {
    const ending = new AbortController();
    if (run !== '') this.#running.set(run, ending);
    response.on('close', () => {
      if (!outlivesCommand) ending.abort(new PsiError('INTERNAL', 'the command went away'));
    });
    response.type('application/x-ndjson');
    // So that the command knows at once that it is being worked on.
    response.flushHeaders();
    const write = (event: unknown): void => {
      if (!response.destroyed) response.write(`${visibleJson(JSON.stringify(event))}\n`);
    };
    try {
      const last = await work(write, ending.signal);
      if (response.destroyed && ending.signal.aborted && untold) this.#onError(untold(last), route);
      write(last);
    } catch (thrown) {
      const error = toPsiError(thrown);
      this.#onError(error, route);
      const issues = 'issues' in error ? { issues: error.issues } : {};
      write({ event: 'error', failure: failureOf(error), exit: exitCode(error.code), ...issues });
    } finally {
      this.#running.delete(run);
    }
    response.end();
  }
}
