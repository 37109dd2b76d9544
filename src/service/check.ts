// What `psi check` finds: all that a config file says wrongly or doubtfully, what it refers to and cannot be read here, and what a service
// that has to do without it goes on with. Needs no service.

import type { Config } from '../config/config.ts';
import { ConfigError, type LocatedIssue } from '../config/findings/issue.ts';
import { readConfig, type LoadOptions } from '../config/load.ts';
import { unreadable } from '../config/unreadable.ts';
import type { PsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoSeconds } from '../core/time.ts';
import { guardedPlaces, openPlaces, type Openness } from './host-findings.ts';
import type { LastGoodStore } from './last-good.ts';

export type Openly = { readonly message: string; readonly hint: string | null };

export type CheckReport = {
  readonly file: string;
  /** Null: the file is taken. */
  readonly failure: Failure | null;
  readonly findings: readonly LocatedIssue[];
  /** What the file refers to. Of one that is refused nobody knows. */
  readonly missing: readonly Failure[];
  /** The host's timer looks too seldom for the certificates of the file; null: it does not, or nobody knows. */
  readonly timer: Failure | null;
  /** Files and folders that others than their owner can read or change. */
  readonly open: readonly Openly[];
  /** What the service falls back to while the file is refused; null: there is nothing, or it is not the file of the service. */
  readonly lastGood: { readonly path: string; readonly since: string } | null;
};

export type CheckDeps = {
  readonly load: LoadOptions & { readonly path: string };
  /** Undefined: the file is not the one that the service starts with. */
  readonly lastGood: LastGoodStore | undefined;
  readonly changedAt: (path: string) => Promise<number>;
  /** Never fails. */
  readonly timerProblem: (config: Config) => Promise<PsiError | undefined>;
  readonly openness: Openness;
};

export async function checkConfig(deps: CheckDeps): Promise<CheckReport> {
  const { load, lastGood, changedAt, timerProblem, openness } = deps;
  const { path: file } = load;
  try {
    const { config, warnings } = await readConfig(load);
    const missing = (await unreadable(config, load)).map(failureOf);
    const tooSeldom = await timerProblem(config);
    const timer = tooSeldom ? failureOf(tooSeldom) : null;
    const open = (await openPlaces(guardedPlaces(config), openness)).map(({ message, hint }) => ({ message, hint }));
    return { file, failure: null, findings: warnings, missing, timer, open, lastGood: null };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const since = lastGood && (await changedAt(lastGood.path).catch(() => undefined));
    return {
      file,
      failure: failureOf(thrown),
      findings: thrown.issues,
      missing: [],
      timer: null,
      open: [],
      lastGood: lastGood && since !== undefined ? { path: lastGood.path, since: isoSeconds(since) } : null,
    };
  }
}
