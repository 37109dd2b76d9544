// Wiring of what keeps replaced secrets from being lost, and of the replaces that the service makes by itself. Part of the composition root.

import { ReplaceDebtFile } from '../adapters/files/replace-debt-file.ts';
import type { Clock } from '../core/clock.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { StatusBoard } from '../lookup/status.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import { OwedReplaces } from '../registration/owed-replaces.ts';
import { Replaces, type ReplacesDeps } from '../registration/replaces.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { SetupRuns } from '../registration/setup-runs.ts';
import { replacesLog, type Log } from '../service/log.ts';
import type { RunningConfig } from '../service/running-config.ts';

export type ReplacesParts = {
  readonly stateDir: string;
  readonly registry: SecretRegistry;
  readonly mappings: MappingTable;
  readonly headerFile: HeaderFile;
  readonly unreachable: ReplacesDeps['unreachable'];
  readonly running: RunningConfig;
  readonly status: Pick<StatusBoard, 'lookups'>;
  readonly runs: () => Pick<SetupRuns, 'alone'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly firstPauseMs: number;
};

export async function composeReplaces(
  parts: ReplacesParts,
): Promise<{ readonly replaces: Replaces; readonly owedReplaces: OwedReplaces }> {
  const { stateDir, running, runs, status, log } = parts;
  const replaces = await Replaces.begin({
    ...parts,
    debt: new ReplaceDebtFile({ stateDir }),
  });
  const owedReplaces = new OwedReplaces({
    ...parts,
    replaces,
    target: () => (running.withoutConfig ? undefined : running.target),
    alone: (work, signal) => runs().alone(work, signal),
    lookups: () => status.lookups,
    log: replacesLog(log),
  });
  return { replaces, owedReplaces };
}
