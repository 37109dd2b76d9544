// What `psi check` finds: all that a config file says wrongly or doubtfully, what it refers to and cannot be read here, and what a service
// that has to do without it goes on with. Needs no service.

import type { Config } from '../config/config.ts';
import { ConfigError, type LocatedIssue } from '../config/findings/issue.ts';
import { readConfig, type LoadOptions } from '../config/load.ts';
import { unreadable } from '../config/unreadable.ts';
import type { PsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoSeconds } from '../core/time.ts';
import type { LastGoodStore } from './last-good.ts';

export type CheckReport = {
  readonly file: string;
  /** Null: the file is taken. */
  readonly failure: Failure | null;
  readonly findings: readonly LocatedIssue[];
  /** What the file refers to. Of one that is refused nobody knows. */
  readonly missing: readonly Failure[];
  /** The host's timer looks too seldom for the certificates of the file; null: it does not, or nobody knows. */
  readonly timer: Failure | null;
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
};

export async function checkConfig({ load, lastGood, changedAt, timerProblem }: CheckDeps): Promise<CheckReport> {
  const { path: file } = load;
  try {
    const { config, warnings } = await readConfig(load);
    const missing = (await unreadable(config, load)).map(failureOf);
    const tooSeldom = await timerProblem(config);
    const timer = tooSeldom ? failureOf(tooSeldom) : null;
    return { file, failure: null, findings: warnings, missing, timer, lastGood: null };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const since = lastGood && (await changedAt(lastGood.path).catch(() => undefined));
    return {
      file,
      failure: failureOf(thrown),
      findings: thrown.issues,
      missing: [],
      timer: null,
      lastGood: lastGood && since !== undefined ? { path: lastGood.path, since: isoSeconds(since) } : null,
    };
  }
}
