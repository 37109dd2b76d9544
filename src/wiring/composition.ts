// The composition root: config → adapters → use cases → faces. Nobody else wires.

import { readFile } from 'node:fs/promises';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { DriverHeaderFile } from '../adapters/files/header-file.ts';
import { MappingFiles } from '../adapters/files/mapping-file.ts';
import { RefusedPins } from '../adapters/hsm/pin.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { DbusUnitManager } from '../adapters/systemd/dbus-unit-manager.ts';
import { DropInFiles } from '../adapters/systemd/drop-in-file.ts';
import type { Composition, Running } from '../cli/composition.ts';
import { composeCache } from './cache.ts';
import { composeCacheFace } from './cache-face.ts';
import { composePodmanSecrets, composeQuadletImport } from './host-import.ts';
import { composeEnvFile, composeInfisicalTools } from './infisical-tools.ts';
import { composeInstall, composeSystemdInstall, driverOptionsOf, headerFilePath } from './install.ts';
import { composeLogin } from './login.ts';
import { composeProviders, type Providers } from './providers.ts';
import { digestOf, reload } from './reload.ts';
import { composeTls } from './certificates.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';
import type { PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { activatedFd } from '../faces/activation.ts';
import { controlApp } from '../faces/control/routes.ts';
import { driverApp } from '../faces/driver.ts';
import { listen } from '../faces/listen.ts';
import { auditLog, createLog, errorFields, type Log } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import { healthOf } from '../cache/status.ts';
import { Lookup } from '../lookup/lookup.ts';
import { MappingTable } from '../lookup/mapping-table.ts';
import { Register } from '../lookup/driver-store.ts';
import { Setup, type SetupTarget } from '../registration/setup.ts';
import { SetupRuns, type Candidate } from '../registration/setup-runs.ts';
import { StatusBoard } from '../lookup/status.ts';

/** What one reading of the config file amounts to. */
type Active = { readonly config: Config; readonly token: SecretValue | undefined; readonly providers: Providers };

export type ServeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly uid: number;
};

/** How long a stop waits for a save of the cache: a device that does not answer must not hold it up. */
const CACHE_GRACE_MS = 3_000;

/** How long a stop waits for requests that were accepted: longer than any lookup may take. */
const STOP_GRACE_MS = 10_000;

/** Everything the command line can ask for. */
export function composition(deps: ServeDeps): Composition {
  return {
    serve: (config) => serve(config, deps),
    install: (config, options) => composeInstall(config, options, deps),
    systemdInstall: (config, options) => composeSystemdInstall(config, options, deps),
    tls: composeTls(deps),
    infisicalTools: (config, target) => composeInfisicalTools(config, target, deps),
    readEnvFile: composeEnvFile,
    readPodmanSecrets: composePodmanSecrets,
    importQuadlet: (config, tools, flags, emit) => composeQuadletImport(config, tools, flags, emit, deps),
    infisicalLogin: (config) => composeLogin(config, deps),
  };
}

/** Starts both faces. Resolves when lookups are answered. */
async function serve(config: Config, deps: ServeDeps): Promise<Running> {
  const { env, version } = deps;
  const log = createLog(env['PSI_LOG_LEVEL']);
  const clock = systemClock;
  const { table: mappings, skipped } = await MappingTable.load(new MappingFiles({ stateDir: config.stateDir }));
  if (skipped.length > 0) log.warn({ ids: skipped }, 'these files of the state folder hold no mapping and are ignored');
  const refusedPins = new RefusedPins();
  const composed = composeCache(config, { clock, log, env, refusedPins });
  const cache = composed?.cache;
  const metrics = createMetrics(
    () => mappings.size,
    () => cache?.status(),
  );
  const status = new StatusBoard({ clock, mappings, version });
  const headerFile = new DriverHeaderFile({ path: headerFilePath(config) });
  const registry = createSecretRegistry({ socketPath: config.podmanSocket });
  const onError = (error: PsiError, route: string): void => {
    if (error.code === 'INTERNAL') log.error({ route, ...errorFields(error) }, error.message);
  };

  const activeOf = async (fresh: Config): Promise<Active> => ({
    config: fresh,
    token: fresh.socketToken && (await resolveSecret(fresh.socketToken, { readFile, env })),
    providers: await composeProviders(fresh, {
      clock,
      metrics,
      env,
      version,
      countBeside: (mapping) => mappings.countBeside(mapping),
    }),
  });
  let digest = await digestOf(config.file);
  let active = await activeOf(config);
  // Empty: anybody who can open the socket. While a setup moves secrets from one token to another, both are accepted.
  let tokens: readonly SecretValue[] = active.token ? [active.token] : [];
  if (active.token && !(await headerFile.holds(active.token))) await headerFile.write(active.token);

  const load = async (): Promise<Candidate> => {
    const freshDigest = await digestOf(config.file);
    const fresh = freshDigest === digest ? active.config : await reload(config, deps);
    // The token may be a file or a credential of its own, so it is read even where the config is the same.
    const next = freshDigest === digest ? { ...active, token: await activeToken(fresh, env) } : await activeOf(fresh);
    return {
      target: targetOf(next),
      activate: () => {
        tokens = tokens.length === 0 || !next.token ? [] : [...tokens, next.token];
        digest = freshDigest;
        if (active.providers !== next.providers) active.providers.close();
        active = next;
      },
      settle: () => {
        tokens = next.token ? [next.token] : [];
      },
    };
  };

  const lookup = new Lookup({
    mappings,
    clock,
    status,
    resolverOf: (provider) => active.providers.resolvers.get(provider),
    cache,
    timeoutMs: () => active.config.lookup.timeoutMs,
    audit: metrics.audit(auditLog(log)),
  });
  const setup = new Setup({
    registry,
    mappings,
    headerFile,
    clock,
    cache,
    dropIns: new DropInFiles({ systemdDir: config.systemdDir }),
    units: new DbusUnitManager({ socketPath: config.dbusSocket }),
  });
  const runs = new SetupRuns({ setup, status, load });
  const driver = driverApp({
    lookup,
    register: new Register(mappings),
    tokens: () => tokens,
    nameOf: (id) => mappings.nameOf(id),
    health: () => (cache ? { cache: healthOf(cache.status()) } : {}),
    onError,
  });
  const control = controlApp({
    setup: (request, emit, signal) => runs.run(request, emit, signal),
    status: () => Promise.resolve({ ...status.read(), cache: cache?.status() ?? null }),
    metrics,
    cache: composeCacheFace({
      composed,
      mappings,
      registry,
      clock,
      log,
      env,
      refusedPins,
      target: () => targetOf(active),
      readConfig: () => loadConfig({ path: config.file, env, uid: deps.uid, readFile }),
    }),
    onError,
  });

  // Not awaited: an HSM takes seconds, and lookups go live meanwhile.
  void cache?.open();
  const fd = activatedFd(env, process.pid);
  const controlFace = await listen(control, { path: config.controlSocket });
  const driverFace = await listen(driver, fd === undefined ? { path: config.socket } : { fd });
  log.info({ version, socket: config.socket, activated: fd !== undefined, mappings: mappings.size }, 'psi serves');
  learnNames(registry, mappings, log);
  return {
    stop: async () => {
      log.info('stopping: finishing what was accepted');
      await Promise.all([driverFace.stop(STOP_GRACE_MS), controlFace.stop(STOP_GRACE_MS)]);
      active.providers.close();
      await composed?.close(CACHE_GRACE_MS);
      log.info('stopped');
    },
  };
}

function targetOf({ config, token, providers }: Active): SetupTarget {
  return {
    workloads: config.workloads,
    socketToken: token,
    sourceOf: (provider) => providers.sources.get(provider),
    options: driverOptionsOf(config),
  };
}

// Not awaited: Podman's lock may be held by a start that is waiting for this very process to answer its lookup.
function learnNames(
  registry: { list: () => Promise<Iterable<{ id: string; name: string }>> },
  mappings: MappingTable,
  log: Log,
): void {
  registry.list().then(
    (secrets) => {
      mappings.learnNames(secrets);
    },
    () => {
      log.debug('podman was not asked for the names of its secrets: audit lines show ids until the next setup');
    },
  );
}

async function activeToken(config: Config, env: ServeDeps['env']): Promise<SecretValue | undefined> {
  return config.socketToken && (await resolveSecret(config.socketToken, { readFile, env }));
}
