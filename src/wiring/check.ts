// Wiring of `psi check`. Part of the composition root.

import { checkConfig, type CheckReport } from '../service/check.ts';
import { certificateTimerProblem } from './certificate-timer.ts';
import { changedAt, composeReading, opennessOf, type ReadingDeps } from './config-reading.ts';

export function composeCheck(configFile: string | undefined, deps: ReadingDeps): Promise<CheckReport> {
  const { load, lastGood } = composeReading(configFile, deps);
  return checkConfig({
    load,
    lastGood: configFile === undefined ? lastGood : undefined,
    changedAt,
    timerProblem: certificateTimerProblem,
    openness: opennessOf,
  });
}
