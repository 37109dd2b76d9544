// Whether the timer of the host looks often enough for the certificates of the config, as it was found last.

import type { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';

export type CertificateTimerDeps = {
  /** Asks systemd and reads the certificates: undefined, nothing is wrong or nobody knows. Never fails. */
  readonly ask: () => Promise<PsiError | undefined>;
  readonly clock: Pick<Clock, 'sleep'>;
};

/** How long somebody who asks for the status waits: a bus or a folder of others may hang. */
const LOOK_MS = 1_000;

export class CertificateTimer {
  readonly #deps: CertificateTimerDeps;
  #problem: PsiError | undefined;
  #asking: Promise<void> | undefined;

  constructor(deps: CertificateTimerDeps) {
    this.#deps = deps;
  }

  get problem(): PsiError | undefined {
    return this.#problem;
  }

  /** One look at a time. Never fails, and is waited for no longer than a second. */
  async look(): Promise<void> {
    const { ask, clock } = this.#deps;
    const done = new AbortController();
    const late = clock.sleep(LOOK_MS, done.signal).catch(() => undefined);
    this.#asking ??= ask().then((problem) => {
      this.#problem = problem;
      this.#asking = undefined;
    });
    await Promise.race([this.#asking, late]);
    done.abort();
  }
}
