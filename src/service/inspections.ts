// What is looked at when somebody asks for the status, beside what the service knows by itself: files, units and links of the host. Each look
// is bounded, so that a disk or a bus that does not answer holds no answer up: what was found before stands meanwhile.

import { withDeadline } from '../core/deadline.ts';
import type { Clock } from '../core/clock.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { Log } from './log.ts';

/** Answers all that it finds; what it cannot find out is no problem of its own. */
export type Inspection = () => Promise<readonly ServiceProblem[]>;

export type InspectionsDeps = { readonly clock: Clock; readonly log: Pick<Log, 'warn'> };

const LOOK_MS = 2_000;

export class Inspections {
  readonly #deps: InspectionsDeps;
  readonly #each: readonly Looked[];

  constructor(inspections: readonly Inspection[], deps: InspectionsDeps) {
    this.#deps = deps;
    this.#each = inspections.map((inspect) => new Looked(inspect));
  }

  /** As they were found last. */
  problems(): readonly ServiceProblem[] {
    return this.#each.flatMap(({ found }) => found);
  }

  /** Never fails, and ends within two seconds. What was known already is not logged again. */
  async look(): Promise<void> {
    const known = new Set(this.problems().map(({ message }) => message));
    const { clock, log } = this.#deps;
    const each = () => Promise.all(this.#each.map((one) => one.look()));
    await withDeadline(clock, { ms: LOOK_MS, what: 'a look at the host' }, each).catch(() => undefined);
    for (const { subject, message, hint } of this.problems()) {
      if (known.has(message)) continue;
      log.warn({ subject: subject ?? undefined, hint: hint ?? undefined }, message);
    }
  }
}

class Looked {
  readonly #inspect: Inspection;
  #underWay: Promise<void> | undefined;
  found: readonly ServiceProblem[] = [];

  constructor(inspect: Inspection) {
    this.#inspect = inspect;
  }

  /** One at a time: on a disk that does not answer they would pile up. */
  look(): Promise<void> {
    this.#underWay ??= this.#inspect()
      .then(
        (found) => {
          this.found = found;
        },
        () => undefined,
      )
      .finally(() => {
        this.#underWay = undefined;
      });
    return this.#underWay;
  }
}
