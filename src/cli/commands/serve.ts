// `psi serve`: starts the service and stops it in an orderly way when systemd says so.

import type { Config } from '../../config/config.ts';
import type { Composition } from '../composition.ts';

/** Resolves after SIGTERM or SIGINT, when everything accepted has been answered. A second signal does not cut it shorter: systemd will. */
export async function serveCommand(config: Config, composition: Composition): Promise<number> {
  const stopRequested = new Promise<void>((resolve) => {
    // As PID 1 of the container Node gets no default handlers: without these a stop would take ten seconds and a SIGKILL.
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        resolve();
      });
  });
  const running = await composition.serve(config);
  await stopRequested;
  await running.stop();
  return 0;
}
