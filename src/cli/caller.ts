// Who called this command, and how that one ends it: by a signal, or by going away.

import { EXIT } from '../core/exit.ts';

/** `exit`: as shells have it, 128 and the number of the signal. `gone`: nobody is left to be told anything. */
export type CallersEnd = { readonly why: string; readonly exit: number; readonly gone: boolean };

export type Caller = {
  /** Resolves when the caller ends the command. Until `done` aborts, a signal does nothing else. */
  readonly ends: (done: AbortSignal) => Promise<CallersEnd>;
};

/** Resolves when whoever called has gone without a word; never, where that cannot be seen. */
export type WatchForGone = (done: AbortSignal) => Promise<void>;

/** SIGHUP: the terminal has gone. */
const SIGNALS = { SIGINT: EXIT.INTERRUPTED, SIGTERM: EXIT.TERMINATED, SIGHUP: EXIT.HUNG_UP } as const;

export function processCaller(gone: WatchForGone): Caller {
  return {
    ends: (done) =>
      new Promise((resolve) => {
        for (const why of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
          const heard = (): void => {
            resolve({ why, exit: SIGNALS[why], gone: false });
          };
          process.on(why, heard);
          done.addEventListener('abort', () => process.off(why, heard), { once: true });
        }
        void gone(done).then(
          () => {
            resolve({ why: 'SIGHUP', exit: SIGNALS.SIGHUP, gone: true });
          },
          () => undefined,
        );
      }),
  };
}

/** For whoever is not to be interrupted, such as a test. */
export const PATIENT_CALLER: Caller = { ends: () => new Promise(() => undefined) };
