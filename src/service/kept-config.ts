// Keeps the config that is in use as the last good one.

import { toPsiError, type PsiError } from '../core/error.ts';
import { Mutex } from '../core/mutex.ts';
import type { LastGoodStore } from './last-good.ts';
import { errorFields, type Log } from './log.ts';

export type KeptConfigDeps = { readonly lastGood: LastGoodStore; readonly log: Pick<Log, 'warn'> };

export class KeptConfig {
  readonly #deps: KeptConfigDeps;
  readonly #turns = new Mutex();
  #problem: PsiError | undefined;

  constructor(problem: PsiError | undefined, deps: KeptConfigDeps) {
    this.#deps = deps;
    this.#problem = problem;
  }

  /** Why the last good config cannot be read or kept; undefined: it can. */
  get problem(): PsiError | undefined {
    return this.#problem;
  }

  /** One after another, the last one last. Where it cannot be kept, PSI serves all the same, and says what the next start may miss. */
  keep(content: Uint8Array): Promise<void> {
    const { lastGood, log } = this.#deps;
    return this.#turns.run(async () => {
      try {
        await lastGood.keep(content);
        this.#problem = undefined;
      } catch (thrown) {
        this.#problem = toPsiError(thrown);
        log.warn(errorFields(this.#problem), 'a start with a broken config would miss this one');
      }
    });
  }
}
