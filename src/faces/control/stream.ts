// Long work on the control face: one JSON event per line, the last one its result or its failure.

import type { Response } from 'express';
import { PsiError, toPsiError } from '../../core/error.ts';
import { exitCode } from '../../core/exit.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import { failureOf } from '../../core/failure.ts';
import { visibleJson } from '../../core/text/visible.ts';

export type OnError = (error: PsiError, route: string) => void;

/** `work` answers the last event. Its signal aborts when the command goes away. */
export async function streamed(
  response: Response,
  onError: OnError,
  route: string,
  work: (emit: (event: SetupEvent) => void, signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => {
    gone.abort(new PsiError('INTERNAL', 'the command went away'));
  });
  response.type('application/x-ndjson');
  // So that the command knows at once that it is being worked on.
  response.flushHeaders();
  const write = (event: unknown): void => {
    response.write(`${visibleJson(JSON.stringify(event))}\n`);
  };
  try {
    write(await work(write, gone.signal));
  } catch (thrown) {
    const error = toPsiError(thrown);
    onError(error, route);
    const issues = 'issues' in error ? { issues: error.issues } : {};
    write({ event: 'error', failure: failureOf(error), exit: exitCode(error.code), ...issues });
  }
  response.end();
}
