// The config file as it is now, where the service does not run with it: why, and since when.

import { withDeadline } from '../core/deadline.ts';
import type { Clock } from '../core/clock.ts';
import type { PsiError } from '../core/error.ts';
import { refusalProblem, type Refused } from './config-problems.ts';
import { errorFields, type Log } from './log.ts';
import type { Origin } from './starting-config.ts';

export type RefusedConfigDeps = {
  /** When a file was changed, ms since the epoch. Fails where there is none. */
  readonly changedAt: (path: string) => Promise<number>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'error'>;
};

/** A disk that does not answer takes nobody longer than that to find out. */
const STAT_MS = 1_000;

export class RefusedConfig {
  readonly #deps: RefusedConfigDeps;
  readonly #file: string;
  #now: (Refused & { readonly digest: string | undefined }) | undefined;

  constructor(file: string, deps: RefusedConfigDeps) {
    this.#file = file;
    this.#deps = deps;
  }

  /** Undefined: the service runs with it, or would take it over. */
  get now(): Refused | undefined {
    return this.#now;
  }

  /** `digest`: of the content that was refused; undefined: it could not be read. What is known already is not logged again. */
  async refuse(error: PsiError, digest: string | undefined, origin: Origin): Promise<void> {
    const { clock, changedAt, log } = this.#deps;
    const before = this.#now;
    // What was refused at the start has no digest.
    const known = before?.error.message === error.message && [digest, undefined].includes(before.digest);
    const refused = { error, digest, changedAt: before?.changedAt, seenAt: known ? before.seenAt : clock.now() };
    this.#now = refused;
    const at = await withDeadline(clock, { ms: STAT_MS, what: 'a look at the config file' }, () =>
      changedAt(this.#file),
    ).catch(() => undefined);
    const dated = { ...refused, changedAt: at };
    if (this.#now === refused) this.#now = dated;
    if (known) return;
    log.error(
      { file: this.#file, ...errorFields(refusalProblem(dated, origin)) },
      'the config file is not what psi runs with',
    );
  }

  accept(): void {
    this.#now = undefined;
  }

  /** Has this very content been refused? */
  holds(digest: string | undefined): boolean {
    return digest !== undefined && digest === this.#now?.digest;
  }
}
