// The composition root: config → adapters → use cases → faces. Nobody else wires.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemClock } from './adapters/clock/system-clock.ts';
import { DriverHeaderFile } from './adapters/fs/header-file.ts';
import { MappingFiles } from './adapters/fs/mapping-file.ts';
import { createSecretRegistry } from './adapters/podman/secrets.ts';
import { DbusUnitManager } from './adapters/systemd/dbus-unit-manager.ts';
import { DropInFiles } from './adapters/systemd/drop-in-file.ts';
import type { Composition, Running } from './cli/composition.ts';
import { composeInstall, composeSystemdInstall, driverOptionsOf, headerFilePath } from './compose-install.ts';
import { composeProviders, type Providers } from './compose-providers.ts';
import type { Config } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { resolveSecret } from './config/secret-field.ts';
import { PsiError } from './core/error.ts';
import type { SecretValue } from './core/secret.ts';
import { activatedFd } from './http/activation.ts';
import { controlApp } from './http/control-app.ts';
import { driverApp } from './http/driver-app.ts';
import { listen } from './http/listen.ts';
import { auditLog, createLog, errorFields, type Log } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { Lookup } from './usecases/lookup.ts';
import { MappingTable } from './usecases/mapping-table.ts';
import { Register } from './usecases/register.ts';
import { Setup, type SetupTarget } from './usecases/setup.ts';
import { SetupRuns, type Candidate } from './usecases/setup-runs.ts';
import { StatusBoard } from './usecases/status.ts';

/** What one reading of the config file amounts to. */
type Active = { readonly config: Config; readonly token: SecretValue | undefined; readonly providers: Providers };

export type ServeDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly uid: number;
};

/** How long a stop waits for requests that were accepted: longer than any lookup may take. */
const STOP_GRACE_MS = 10_000;

/** Everything the command line can ask for. */
export function composition(deps: ServeDeps): Composition {
  return {
    serve: (config) => serve(config, deps),
    install: (config, options) => composeInstall(config, options, deps),
    systemdInstall: (config, options) => composeSystemdInstall(config, options, deps),
  };
}

/** Starts both faces. Resolves when lookups are answered. */
async function serve(config: Config, deps: ServeDeps): Promise<Running> {
  const { env, version } = deps;
  const log = createLog(env['PSI_LOG_LEVEL']);
  const clock = systemClock;
  const { table: mappings, skipped } = await MappingTable.load(new MappingFiles({ stateDir: config.stateDir }));
  if (skipped.length > 0) log.warn({ ids: skipped }, 'these files of the state folder hold no mapping and are ignored');
  const metrics = createMetrics(() => mappings.size);
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
    timeoutMs: () => active.config.lookup.timeoutMs,
    audit: metrics.audit(auditLog(log)),
  });
  const setup = new Setup({
    registry,
    mappings,
    headerFile,
    clock,
    dropIns: new DropInFiles({ systemdDir: config.systemdDir }),
    units: new DbusUnitManager({ socketPath: config.dbusSocket }),
  });
  const runs = new SetupRuns({ setup, status, load });
  const driver = driverApp({
    lookup,
    register: new Register(mappings),
    tokens: () => tokens,
    nameOf: (id) => mappings.nameOf(id),
    onError,
  });
  const control = controlApp({
    setup: (request, emit, signal) => runs.run(request, emit, signal),
    status: () => Promise.resolve(status.read()),
    metrics,
    onError,
  });

  const fd = activatedFd(env, process.pid);
  const controlFace = await listen(control, { path: config.controlSocket });
  const driverFace = await listen(driver, fd === undefined ? { path: config.socket } : { fd });
  if (config.cache?.enabled === true) {
    log.warn('`cache` is in the config, but this version has none yet: every lookup goes to the provider');
  }
  log.info({ version, socket: config.socket, activated: fd !== undefined, mappings: mappings.size }, 'psi serves');
  learnNames(registry, mappings, log);
  return {
    stop: async () => {
      log.info('stopping: finishing what was accepted');
      await Promise.all([driverFace.stop(STOP_GRACE_MS), controlFace.stop(STOP_GRACE_MS)]);
      active.providers.close();
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

/** Paths are bound when the service starts: a changed one needs a restart, and saying so beats half of it taking effect. */
async function reload(running: Config, deps: ServeDeps): Promise<Config> {
  const fresh = await loadConfig({ path: running.file, env: deps.env, uid: deps.uid, readFile });
  for (const key of ['stateDir', 'systemdDir', 'socket', 'controlSocket', 'podmanSocket', 'dbusSocket'] as const) {
    if (fresh[key] === running[key]) continue;
    throw new PsiError(
      'CONFIG_INVALID',
      `${running.file}: ${running[key]} became ${fresh[key]}, which needs a restart`,
      {
        hint: 'run `systemctl restart psi.service`, then this again',
      },
    );
  }
  return fresh;
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

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
