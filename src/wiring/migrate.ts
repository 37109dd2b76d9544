// Wiring of the command that brings a host of the Python PSI over. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { headOf, moveFile } from '../adapters/files/host-move.ts';
import { FlockFile } from '../adapters/files/run-lock.ts';
import { HostFolders } from '../adapters/files/host-tree.ts';
import { createContainerCommand } from '../adapters/podman/exec.ts';
import { createImageLook } from '../adapters/podman/images.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { readOldConfig, writtenConfig } from '../adapters/python-psi/codec.ts';
import { whoAnswersAt } from '../adapters/socket/who-answers.ts';
import { beginUnit } from '../adapters/systemd/begin-unit.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { runningDependents } from '../adapters/systemd/unit-property.ts';
import { stopUnit } from '../adapters/systemd/stop-unit.ts';
import { configFile, readConfig } from '../config/load.ts';
import { placesOf } from '../config/places.ts';
import { scopeOf } from '../core/scope.ts';
import { unseenFolder, type Completions } from '../host/command/put.ts';
import type { HostSurroundings } from '../host/settings.ts';
import { installed, leftBySetup, type MigrateOptions } from '../migrate/install.ts';
import { migrate, type MigrateReport } from '../migrate/migrate.ts';
import { oldPlaces } from '../migrate/old-places.ts';
import { isOldDefaultDriver } from '../migrate/old-secrets.ts';
import { setupReport } from '../migrate/setup-answer.ts';
import { refusedBy } from '../service/refused-text.ts';
import { composeInstall, composeSystemdInstall, driverOfOthers, layoutOf } from './install.ts';
import { PROVIDER_KINDS } from './provider-kinds.ts';

/** Longer than a setup that waits for its provider. */
const SETUP_MS = 15 * 60_000;

export async function composeMigrate(
  path: string | undefined,
  options: MigrateOptions,
  completions: Completions,
  { env, uid }: HostSurroundings,
): Promise<MigrateReport> {
  const file = configFile({ path, env, uid });
  const { podmanSocket, dbusSocket } = placesOf(env, uid);
  const places = { ...oldPlaces(scopeOf(uid), env, uid), configFile: file };
  const load = { path: file, env, uid, readFile: readBounded, kinds: PROVIDER_KINDS };
  const folders = new HostFolders();
  const manager = new DbusUnitManager({ socketPath: dbusSocket });
  const surroundings = { env, uid };
  const files = new HostFileSystem();
  const driver = driverOfOthers(
    surroundings,
    ({ path: one, text }) => one === places.defaultDriver && isOldDefaultDriver(text),
  );
  const inContainer = createContainerCommand({ socketPath: podmanSocket, timeoutMs: SETUP_MS });
  const lock = new FlockFile({ path: places.lock, what: 'psi migrate', look: 'podman ps' });
  return migrate(
    {
      places,
      files,
      tree: {
        list: (folder) => folders.list(folder),
        read: (one) => folders.read(one),
        remove: (one) => folders.remove(one),
        move: moveFile,
      },
      head: headOf,
      registry: createSecretRegistry({ socketPath: podmanSocket }),
      units: {
        reload: () => manager.reload(),
        start: (unit) => beginUnit(dbusSocket, 'start', unit),
        restart: (unit) => beginUnit(dbusSocket, 'restart', unit),
        stop: (unit) => stopUnit(dbusSocket, unit),
      },
      image: { named: options.image, isHere: createImageLook({ socketPath: podmanSocket }) },
      tell: options.tell,
      alone: (work) => lock.hold(work),
      dependents: (unit) => runningDependents(dbusSocket, unit),
      answering: () => whoAnswersAt(places.socket),
      // Its control socket is in its container alone.
      setup: async () => leftBySetup(setupReport(await inContainer('psi', ['psi', 'setup', '--json']))),
      readConfig: readOldConfig,
      writtenConfig,
      refused: (text) =>
        refusedBy(async () => {
          const { config } = await readConfig({ ...load, readFile: bytesOf(text) });
          return unseenFolder({ files, layout: await layoutOf(config, surroundings) });
        }),
      install: async ({ pcscd }) => {
        const { config } = await readConfig(load);
        const wish = { defaultDriver: false, helper: true, stdout: false };
        const { image, unprivileged } = options;
        return installed(
          // The setup writes the header file: a credential with the token is decrypted by units that are not there yet.
          await composeInstall({ ...config, socketToken: undefined }, wish, completions, surroundings, driver),
          await composeSystemdInstall(
            config,
            { image, unprivileged, enable: true, pcscd },
            completions,
            surroundings,
            driver,
          ),
        );
      },
    },
    options,
  );
}

function bytesOf(text: string): () => Promise<Uint8Array> {
  return () => Promise.resolve(new TextEncoder().encode(text));
}
