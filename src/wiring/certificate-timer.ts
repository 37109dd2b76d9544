// Wiring of the look at the timer that renews certificates. Part of the composition root.

import { CertificateFileSystem } from '../adapters/files/certificate-files.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { SystemdTimers } from '../adapters/systemd/timers.ts';
import { timerProblem } from '../certificates/status.ts';
import type { Config } from '../config/config.ts';
import { renderCommand } from '../host/units/revision.ts';
import { certificatesOf } from '../provider/choice.ts';

export function certificateTimerProblem({
  providers,
  stateDir,
  dbusSocket,
  scope,
}: Pick<Config, 'providers' | 'stateDir' | 'dbusSocket' | 'scope'>): ReturnType<typeof timerProblem> {
  return timerProblem(
    {
      files: new CertificateFileSystem(),
      states: new CertificateStateFiles({ stateDir }),
      timers: new SystemdTimers({ socketPath: dbusSocket }),
      renderUnits: renderCommand(scope),
    },
    [...providers.values()].flatMap((provider) => certificatesOf(provider)),
  );
}
