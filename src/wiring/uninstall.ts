// Wiring of the command that takes PSI from a host. Part of the composition root.

import { HostFolders } from '../adapters/files/host-tree.ts';
import { MappingFiles } from '../adapters/files/mapping-file.ts';
import { createSecretUsers } from '../adapters/podman/containers.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { DropInFiles } from '../adapters/systemd/drop-in-file.ts';
import { stopUnit } from '../adapters/systemd/stop-unit.ts';
import type { Config } from '../config/config.ts';
import { answerDeletes } from '../faces/deletes.ts';
import type { HostSurroundings } from '../host/settings.ts';
import { uninstall, type UninstallOptions, type UninstallReport } from '../host/uninstall.ts';
import { layoutOf } from './install.ts';

export async function composeUninstall(
  config: Config,
  options: UninstallOptions,
  surroundings: HostSurroundings,
): Promise<UninstallReport> {
  const { podmanSocket: socketPath, dbusSocket, systemdDir, stateDir } = config;
  const units = new DbusUnitManager({ socketPath: dbusSocket });
  const mappings = new MappingFiles({ stateDir });
  return uninstall(
    {
      layout: await layoutOf(config, surroundings),
      registry: createSecretRegistry({ socketPath }),
      users: createSecretUsers({ socketPath }),
      dropIns: new DropInFiles({ systemdDir }),
      units: {
        reload: () => units.reload(),
        has: (unit) => units.has(unit),
        stop: (unit) => stopUnit(dbusSocket, unit),
      },
      tree: new HostFolders(),
      answerDeletes: (ids, sockets) => answerDeletes(ids, sockets, (id) => mappings.remove(id)),
    },
    options,
  );
}
