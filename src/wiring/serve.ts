// Wiring of the running service: config → adapters → rooms → faces. Part of the composition root.

import { createHash, randomUUID } from 'node:crypto';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { CertificateStateFiles } from '../adapters/files/certificate-states.ts';
import { containersConf } from '../adapters/files/containers-conf.ts';
import { HelperFile } from '../adapters/files/helper-file.ts';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { LastGoodFile } from '../adapters/files/last-good-file.ts';
import { MappingFiles } from '../adapters/files/mapping-file.ts';
import { MetricsTextfile } from '../adapters/files/metrics-textfile.ts';
import { NameFile } from '../adapters/files/name-file.ts';
import { ReloadDebtFile } from '../adapters/files/reload-debt-file.ts';
import { SetupDebtFile } from '../adapters/files/setup-debt-file.ts';
import { StateLeftovers } from '../adapters/files/state-leftovers.ts';
import { removeStartMarker } from '../adapters/files/start-marker.ts';
import { boundGarbage, collectGarbage } from '../adapters/memory/collect-garbage.ts';
import { RefusedPins } from '../adapters/hsm/pin.ts';
import { createSecretUsers } from '../adapters/podman/containers.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { DriverSocketPath } from '../adapters/socket/socket-path.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { DropInFiles } from '../adapters/systemd/drop-in-file.ts';
import { restartUnit } from '../adapters/systemd/restart-unit.ts';
import { QuadletFolder } from '../adapters/systemd/quadlet-file.ts';
import { quadletRoots } from '../adapters/systemd/quadlet-folders.ts';
import { QuadletSearch } from '../adapters/systemd/quadlet-search.ts';
import { userName } from '../adapters/systemd/user-name.ts';
import type { Running } from '../cli/commands/serve.ts';
import { composeCache } from './cache.ts';
import { composeCacheFace } from './cache-face.ts';
import { changedAt, composeReading, opennessOf } from './config-reading.ts';
import { composeReplaces } from './replaces.ts';
import { composeSealed } from './sealed.ts';
import { composeProviders } from './providers.ts';
import { loadConfig } from '../config/load.ts';
import { SecretReader } from '../config/secret-reader.ts';
import { baseDirectories } from '../core/base-directories.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import type { ControlDeps } from '../faces/control/routes.ts';
import { driverFace, driverQuick, type DriverDeps } from '../faces/driver.ts';
import { lateFace } from '../faces/late-face.ts';
import { listen, listenOnFirst } from '../faces/listen.ts';
import { controlSockets, serviceEnvironment } from '../service/environment.ts';
import { sweepAside, sweepLeftovers } from '../service/leftovers.ts';
import { auditLog, createLog, faceErrors, owedLog, refusalLog, unservedLog } from '../service/log.ts';
import { readMappings } from '../service/mappings.ts';
import { createMetrics } from '../service/metrics.ts';
import { Memory } from '../service/memory.ts';
import { MetricsFile } from '../service/metrics-file.ts';
import { RunningConfig } from '../service/running-config.ts';
import { cacheProblem, countOf, noteOf, problemsLine, serviceProblems, warningOf } from '../service/problems.ts';
import { providerProblems, providerStatus } from '../service/provider-problems.ts';
import { CertificateEnds } from '../service/certificate-ends.ts';
import { guardedPlaces, missingQuadlets, openPlaces, reloadOwed } from '../service/host-findings.ts';
import { PlacedHelper } from '../service/placed-helper.ts';
import { Inspections } from '../service/inspections.ts';
import { RunningService } from '../service/running-service.ts';
import { startingConfig } from '../service/starting-config.ts';
import { SocketWatch } from '../service/socket-watch.ts';
import { foreignDefaultDriver } from '../host/default-driver.ts';
import { socketPlace } from '../host/socket-path.ts';
import { certificateTimerProblem } from './certificate-timer.ts';
import { whyOfPsi } from '../host/units/of-psi.ts';
import { helperSeenByService } from '../host/helper/mount.ts';
import { checkHealthByStatus, otherUnits } from '../host/units/revision.ts';
import { WatchedHeaderFile } from '../service/watched-header-file.ts';
import { AnswersInFlight } from '../provider/answers-in-flight.ts';
import { healthOf } from '../cache/status.ts';
import { helperPath } from '../registration/driver-command/helper-call.ts';
import { headerFilePath } from '../registration/driver-command/header-file.ts';
import { Lookup } from '../lookup/lookup.ts';
import { MappingTable } from '../lookup/mapping-table.ts';
import { DriverStore } from '../lookup/driver-store.ts';
import type { ReplacesDeps } from '../registration/replaces.ts';
import { Prune } from '../registration/prune.ts';
import { WorkloadsByPattern } from '../registration/pattern.ts';
import { Setup } from '../registration/setup.ts';
import { OwedSetups } from '../registration/owed-setups.ts';
import { SetupRuns } from '../registration/setup-runs.ts';
import { certificatesOf } from '../provider/choice.ts';
import { HelperUse } from '../lookup/helper-use.ts';
import { HostCurl } from '../lookup/host-curl.ts';
import { StatusBoard, type ServiceProblem } from '../lookup/status.ts';
import { quadletDoubts } from '../transfer/quadlet/doubts.ts';
import { specifiersOf } from '../transfer/quadlet/specifiers.ts';

export type ServeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** With the revision of the image, for people. */
  readonly fullVersion: string;
  readonly uid: number;
};

/** Starts both faces, with the config file or what stands for it. Resolves when lookups are answered. */
export async function serve(path: string | undefined, deps: ServeDeps): Promise<Running> {
  const { env, uid, version, fullVersion } = deps;
  const environment = serviceEnvironment(env, process);
  const log = createLog(environment.logLevel);
  const clock = systemClock;
  const { load, lastGood } = composeReading(path, deps);
  const start = await startingConfig(load, lastGood);
  const { config } = start;
  const { readFile } = load;
  const secrets = new SecretReader({ readFile, env });
  const keyDeps = { clock, env, environment, secrets, refusedPins: new RefusedPins() };
  const { stateDir } = config;
  const names = new NameFile({ stateDir });
  const mappings = await MappingTable.begin(new MappingFiles({ stateDir }), names);
  const composed = composeCache(config, { ...keyDeps, log });
  const cache = composed?.cache;
  const headerFile = new WatchedHeaderFile(new DriverHeaderFile({ path: headerFilePath(stateDir) }), log);
  const hostCurl = new HostCurl({ socket: config.socket });
  const helperUse = new HelperUse();
  const instance = randomUUID();
  const { socketFd } = environment;
  const place = socketPlace(config, socketFd !== undefined);
  const watch = new SocketWatch({
    socket: new DriverSocketPath({ path: config.socket, instance }),
    place,
    renew: socketFd === undefined ? undefined : () => restartUnit(config.dbusSocket, 'psi.socket'),
    clock,
    log,
  });
  const unitsAge = warningOf(otherUnits(environment.unitsRevision, config.scope));
  const owed = new OwedSetups({
    store: new SetupDebtFile({ stateDir }),
    clock,
    random: Math.random,
    firstPauseMs: environment.setupRetryMs,
    log: owedLog(log),
  });
  const problems = (): readonly ServiceProblem[] =>
    serviceProblems({
      mappings,
      own: [watch.problem, hostCurl.problem, ...running.problems(), headerFile.problem],
      owed,
      failing: status.failing(),
      others: [
        ...providerProblems(running.silent(), cache?.status()),
        ...inspections.problems(),
        ...unitsAge,
        ...warningOf(names.problem),
        ...cacheProblem(cache?.status()),
        ...warningOf(metricsFile.problem),
        ...status.besides(),
        ...owedReplaces.problems(),
      ],
    });
  const figures = {
    mappings: () => mappings.size,
    problems: () => countOf(problems(), 'error'),
    warnings: () => countOf(problems(), 'warning'),
    owed: () => owed.debt !== undefined,
    setupTimes: () => status.setupTimes,
    providers: () => providerStatus(running.silent()),
    certificates: () => certificates.ends,
  };
  const metrics = createMetrics(figures, () => cache?.status());
  const status = new StatusBoard({
    clock,
    mappings,
    version: fullVersion,
    problems,
    hostCurl,
    notes: () => running.notes(),
    setupOwed: () => owed.status(),
    replacesOwed: () => owedReplaces.status(),
  });
  const metricsText = async (): Promise<string> => {
    await Promise.all([running.look(), running.lookAtProviders(), inspections.look()]);
    return await metrics.text();
  };
  const textfile = new MetricsTextfile({ folder: () => running.config.metrics.textfileDir, scope: config.scope });
  const metricsFile = new MetricsFile({
    wanted: () => textfile.wanted,
    write: (text) => textfile.write(text),
    text: metricsText,
    pauseMs: environment.metricsMs,
    clock,
    log,
  });
  const units = new DbusUnitManager({ socketPath: config.dbusSocket });
  const roots = quadletRoots({ ...baseDirectories(env, uid), ...config, uid });
  const quadlets = new QuadletSearch({ roots, units });
  const reloadDebt = new ReloadDebtFile({ stateDir });
  const certificates = new CertificateEnds({ states: new CertificateStateFiles({ stateDir }), clock });
  const confHost = { ...baseDirectories(env, uid), env, uid };
  const defaultDriver = async (): Promise<readonly ServiceProblem[]> =>
    warningOf(foreignDefaultDriver(await containersConf(confHost, readFile)));
  const placedHelper = new PlacedHelper({
    files: new HelperFile(),
    path: () => helperPath(running.config.lookup.helperDir),
    at: () => helperSeenByService(env['PSI_IN_IMAGE'] !== undefined, running.config.lookup.helperDir),
    ...{ scope: config.scope, use: helperUse, log },
  });
  const inspections = new Inspections(
    [
      () => mappings.readRest().then(() => []),
      () => reloadOwed(reloadDebt),
      () => certificates.look([...running.config.providers.values()].flatMap((provider) => certificatesOf(provider))),
      () => openPlaces(guardedPlaces(running.config), opennessOf),
      async () => warningOf(await certificateTimerProblem(running.config)),
      defaultDriver,
      () => missingQuadlets(running.config.workloads, quadlets, config.systemdDir),
      () => placedHelper.look(),
      () => sealed.look(),
    ],
    { clock, log },
  );
  const registry = createSecretRegistry({ socketPath: config.podmanSocket });
  const countBeside = (mapping: Mapping): number => mappings.countBeside(mapping);
  const known = (mapping: Mapping): Fetched | undefined => cache?.find(mapping)?.fetched;
  const answers = new AnswersInFlight();
  const running = await RunningConfig.start(start, {
    ...load,
    ...{ clock, log },
    lastGood: new LastGoodFile({ stateDir: config.stateDir }),
    changedAt,
    digest: (bytes) => createHash('sha256').update(bytes).digest('hex'),
    secrets,
    providersOf: (fresh) => composeProviders(fresh, { clock, metrics, env, version, answers, countBeside, known }),
    headerFile,
  });
  const sealed = composeSealed({ ...keyDeps, config: () => running.config, composed });
  const onError = faceErrors(log);
  const unreachable: ReplacesDeps['unreachable'] = async () => {
    await watch.look();
    return running.closed ?? running.withoutConfig ?? watch.problem;
  };
  const { replaces, owedReplaces } = await composeReplaces({
    ...{ stateDir, registry, mappings, headerFile, running, status, clock, log, unreachable },
    runs: () => runs,
    firstPauseMs: environment.replaceAfterMs,
  });

  const lookup = new Lookup({
    mappings,
    clock,
    status,
    readerOf: (provider) => running.readerOf(provider),
    cache,
    own: sealed.host,
    timeoutMs: () => running.lookupTimeoutMs,
    withoutConfig: () => running.refuseLookups(),
    audit: metrics.audit(auditLog(log)),
  });
  const dropIns = new DropInFiles({ ...config, roots });
  const processBegan = Date.now() - process.uptime() * 1000;
  const leftovers = [new StateLeftovers({ stateDir }), dropIns, textfile];
  void sweepLeftovers(leftovers, processBegan, log);
  void sweepAside(sealed.sweep, log);
  const registering = {
    registry,
    replaces,
    mappings,
    clock,
    dropIns,
    quadlets,
    units,
    reloadDebt,
  };
  const manager = { scope: config.scope, specifiers: specifiersOf(config.scope, env, { uid, name: userName() }) };
  const doubts = quadletDoubts({ files: new QuadletFolder({ systemdDir: config.systemdDir, roots }), manager });
  const setup = new Setup({ ...registering, doubts, headerFile, hostCurl, cache });
  const users = createSecretUsers({ socketPath: config.podmanSocket });
  const prune = new Prune({ ...registering, users, leftovers });
  const patterns = new WorkloadsByPattern({ ...registering, ofPsi: whyOfPsi });
  const memory = new Memory({ clock, collect: collectGarbage, bound: boundGarbage });
  const runs = new SetupRuns({
    setup,
    patterns,
    prune,
    status,
    mappings,
    owed,
    replaces: {
      ranSetup: () => {
        owedReplaces.ranSetup();
        memory.ran();
      },
    },
    load: () => running.candidate(),
    hostNotes: async () => (await defaultDriver()).map(noteOf),
  });
  const logRefusal = refusalLog(log);
  const driverDeps: DriverDeps = {
    lookup,
    register: new DriverStore(mappings, replaces, sealed.host),
    tokens: () => running.tokens,
    closed: () => running.refuseRequests(),
    mappings,
    hostCurl,
    helperUse,
    health: () => {
      running.lookSoon();
      return { ...healthOf(cache?.status()), ...problemsLine(problems()), instance };
    },
    onRefused: (event) => {
      metrics.refused(event);
      status.refused(event);
      logRefusal(event);
    },
    onError,
  };
  const controlDeps: ControlDeps = {
    setup: (request, emit, signal) => runs.run(request, emit, signal),
    prune: (request, emit, signal) => runs.prune(request, emit, signal),
    status: async () => {
      await Promise.all([
        running.look(),
        watch.look(),
        running.lookAtProviders(),
        inspections.look(),
        owedReplaces.look(),
      ]);
      return {
        ...status.read(),
        providers: providerStatus(running.silent()),
        certificates: certificates.told,
        lookupHelper: await placedHelper.status(),
        checksHealth: checkHealthByStatus(environment.unitsRevision),
        cache: cache?.status() ?? null,
      };
    },
    metrics: { contentType: metrics.contentType, text: metricsText },
    cache: composeCacheFace({
      ...keyDeps,
      composed,
      mappings,
      registry,
      target: async (emit, signal) => {
        const { target } = running;
        const { workloads, errors } = await patterns.resolve(target, { once: true }, emit, signal);
        return { ...target, workloads: [...target.workloads, ...workloads], errors };
      },
      readConfig: () => loadConfig(load),
    }),
    sealed: sealed.control({ mappings, registry, headerFile, commands: () => running.target, unreachable }),
    onError,
  };
  const control = lateFace(async () => (await import('../faces/control/routes.ts')).controlApp(controlDeps), onError);

  const service = await RunningService.start({
    clock,
    log,
    config: {
      close: () => {
        running.close();
        sealed.close();
      },
    },
    owed: {
      start: () => {
        owedReplaces.start();
        return owed.start((debt, signal) => runs.owed(debt, signal));
      },
      stop: () => {
        owed.stop();
        owedReplaces.stop();
        memory.stop();
        runs.stop();
      },
    },
    cache: composed,
    control: () => listenOnFirst(control, controlSockets(config, env), unservedLog(log)),
    driver: () =>
      listen(
        driverFace(driverDeps),
        socketFd === undefined ? { path: config.socket } : { fd: socketFd },
        driverQuick(driverDeps),
      ),
    watch,
    figures: metricsFile,
    facts: {
      version: fullVersion,
      units: environment.unitsRevision,
      socket: config.socket,
      activated: socketFd !== undefined,
      config: start.origin,
      mappings: mappings.size,
    },
  });
  void removeStartMarker(config.socket);
  memory.started();
  // Before the first look at the host: the starts that wait for this one are the first to need it. What is wrong with it that look says.
  void placedHelper.look().catch(() => undefined);
  // Not awaited: what a disk or others have left is said after the start, and keeps nobody from it.
  void readMappings(mappings, { clock, log }).then(() => inspections.look());
  return service;
}
