// Wiring of the running service: config → adapters → rooms → faces. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { createHash } from 'node:crypto';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { MappingFiles } from '../adapters/files/mapping-file.ts';
import { NameFile } from '../adapters/files/name-file.ts';
import { ReloadDebtFile } from '../adapters/files/reload-debt-file.ts';
import { StateLeftovers } from '../adapters/files/state-leftovers.ts';
import { RefusedPins } from '../adapters/hsm/pin.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { DropInFiles } from '../adapters/systemd/drop-in-file.ts';
import type { Running } from '../cli/commands/serve.ts';
import { composeCache } from './cache.ts';
import { composeCacheFace } from './cache-face.ts';
import { PROVIDER_KINDS } from './provider-kinds.ts';
import { composeProviders } from './providers.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { SecretReader } from '../config/secret-reader.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { controlApp } from '../faces/control/routes.ts';
import { driverApp } from '../faces/driver.ts';
import { listen } from '../faces/listen.ts';
import { serviceEnvironment } from '../service/environment.ts';
import { sweepLeftovers } from '../service/leftovers.ts';
import { auditLog, createLog, faceErrors, refusalLog } from '../service/log.ts';
import { loadMappings } from '../service/mappings.ts';
import { createMetrics } from '../service/metrics.ts';
import { RunningConfig } from '../service/running-config.ts';
import { problemsLine, serviceProblems } from '../service/problems.ts';
import { RunningService } from '../service/running-service.ts';
import { WatchedHeaderFile } from '../service/watched-header-file.ts';
import { AnswersInFlight } from '../provider/answers-in-flight.ts';
import { healthOf } from '../cache/status.ts';
import { headerFilePath } from '../registration/driver-command/header-file.ts';
import { Lookup } from '../lookup/lookup.ts';
import { DriverStore } from '../lookup/driver-store.ts';
import { Setup } from '../registration/setup.ts';
import { SetupRuns } from '../registration/setup-runs.ts';
import { StatusBoard, type ServiceProblem } from '../lookup/status.ts';

export type ServeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly uid: number;
};

/** Starts both faces. Resolves when lookups are answered. */
export async function serve(config: Config, deps: ServeDeps): Promise<Running> {
  const { env, uid, version } = deps;
  const environment = serviceEnvironment(env, process.pid);
  const log = createLog(environment.logLevel);
  const clock = systemClock;
  const secrets = new SecretReader({ readFile: readBounded, env });
  const keyDeps = { clock, env, environment, secrets, refusedPins: new RefusedPins() };
  const { stateDir } = config;
  const mappings = await loadMappings(new MappingFiles({ stateDir }), new NameFile({ stateDir }), log);
  const composed = composeCache(config, { ...keyDeps, log });
  const cache = composed?.cache;
  const headerFile = new WatchedHeaderFile(new DriverHeaderFile({ path: headerFilePath(stateDir) }), log);
  const problems = (): readonly ServiceProblem[] => serviceProblems({ mappings, headerFile });
  const metrics = createMetrics({ mappings: () => mappings.size, problems: () => problems().length }, () =>
    cache?.status(),
  );
  const status = new StatusBoard({ clock, mappings, version, problems });
  const registry = createSecretRegistry({ socketPath: config.podmanSocket });
  const countBeside = (mapping: Mapping): number => mappings.countBeside(mapping);
  const known = (mapping: Mapping): Fetched | undefined => cache?.find(mapping)?.fetched;
  const answers = new AnswersInFlight();
  const running = await RunningConfig.start(config, {
    env,
    uid,
    readFile: readBounded,
    kinds: PROVIDER_KINDS,
    digest: (bytes) => createHash('sha256').update(bytes).digest('hex'),
    secrets,
    providersOf: (fresh) => composeProviders(fresh, { clock, metrics, env, version, answers, countBeside, known }),
    headerFile,
  });
  const onError = faceErrors(log);

  const lookup = new Lookup({
    mappings,
    clock,
    status,
    readerOf: (provider) => running.readerOf(provider),
    cache,
    timeoutMs: () => running.lookupTimeoutMs,
    audit: metrics.audit(auditLog(log)),
  });
  const dropIns = new DropInFiles({ systemdDir: config.systemdDir });
  const processBegan = Date.now() - process.uptime() * 1000;
  void sweepLeftovers([new StateLeftovers({ stateDir }), dropIns], processBegan, log);
  const setup = new Setup({
    registry,
    mappings,
    headerFile,
    clock,
    cache,
    dropIns,
    units: new DbusUnitManager({ socketPath: config.dbusSocket }),
    reloadDebt: new ReloadDebtFile({ stateDir: config.stateDir }),
  });
  const runs = new SetupRuns({ setup, status, mappings, load: () => running.candidate() });
  const logRefusal = refusalLog(log);
  const driver = driverApp({
    lookup,
    register: new DriverStore(mappings),
    tokens: () => running.tokens,
    mappings,
    health: () => ({ ...healthOf(cache?.status()), ...problemsLine(problems()) }),
    onRefused: (event) => {
      metrics.refused(event);
      status.refused(event);
      logRefusal(event);
    },
    onError,
  });
  const control = controlApp({
    setup: (request, emit, signal) => runs.run(request, emit, signal),
    status: () => Promise.resolve({ ...status.read(), cache: cache?.status() ?? null }),
    metrics,
    cache: composeCacheFace({
      ...keyDeps,
      composed,
      mappings,
      registry,
      target: () => running.target,
      readConfig: () => loadConfig({ path: config.file, env, uid, readFile: readBounded, kinds: PROVIDER_KINDS }),
    }),
    onError,
  });

  const { socketFd } = environment;
  return RunningService.start({
    clock,
    log,
    config: running,
    cache: composed,
    control: () => listen(control, { path: config.controlSocket }),
    driver: () => listen(driver, socketFd === undefined ? { path: config.socket } : { fd: socketFd }),
    facts: { version, socket: config.socket, activated: socketFd !== undefined, mappings: mappings.size },
  });
}
