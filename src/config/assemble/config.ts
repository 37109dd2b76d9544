// A decoded and checked file to the Config that the rest of PSI sees: defaults filled in, names in camelCase. Decides nothing else.

import type { SecretField } from '../../core/secret-field.ts';
import type { SecretSpec, Workload } from '../../core/workload.ts';
import { assembleInfisical } from './infisical.ts';
import type { CacheConfig, Config, Env } from '../config.ts';
import { CACHE_DEFAULTS, LOOKUP_DEFAULTS, placesOf, scopeOf } from './defaults.ts';
import type { RawCache, RawConfig } from '../schema/schema.ts';
import { toSecretField } from '../schema/secret-field.ts';

export type Surroundings = { readonly file: string; readonly env: Env; readonly uid: number };

export function assemble(raw: RawConfig, { file, env, uid }: Surroundings): Config {
  const places = placesOf(env, uid);
  const stateDir = raw.state_dir ?? places.stateDir;
  const infisical = raw.providers?.infisical;
  const providers = new Map(
    infisical === undefined ? [] : [['infisical', assembleInfisical(infisical, raw.ca_cert)] as const],
  );
  return {
    file,
    scope: scopeOf(uid),
    stateDir,
    systemdDir: raw.systemd_dir ?? places.systemdDir,
    socket: raw.socket ?? places.socket,
    controlSocket: raw.control_socket ?? places.controlSocket,
    podmanSocket: raw.podman_socket ?? places.podmanSocket,
    dbusSocket: raw.dbus_socket ?? places.dbusSocket,
    caCert: raw.ca_cert,
    socketToken: socketToken(raw, env),
    lookup: {
      timeoutMs: raw.lookup?.timeout ?? LOOKUP_DEFAULTS.timeoutMs,
      batchWindowMs: raw.lookup?.batch_window ?? LOOKUP_DEFAULTS.batchWindowMs,
    },
    providers,
    cache: raw.cache === undefined ? undefined : assembleCache(raw.cache, stateDir),
    workloads: assembleWorkloads(raw.workloads ?? {}, [...providers.keys()]),
  };
}

// The Python PSI took the token from this variable as well, and a host that relied on it must not come up without one.
function socketToken(raw: RawConfig, env: Env): SecretField | undefined {
  if (raw.socket_token !== undefined) return toSecretField(raw.socket_token);
  const inherited = env['PSI_SOCKET_TOKEN'];
  return inherited === undefined || inherited === '' ? undefined : { kind: 'env', name: 'PSI_SOCKET_TOKEN' };
}

function assembleWorkloads(
  raw: NonNullable<RawConfig['workloads']>,
  providers: readonly string[],
): readonly Workload[] {
  return Object.entries(raw).map(([name, workload]) => ({
    name,
    // The cross checks have made sure that a missing name means the only provider.
    provider: workload.provider ?? providers[0] ?? '',
    unit: workload.unit ?? `${name}.container`,
    dependsOn: workload.depends_on ?? [],
    secrets: (workload.secrets ?? []).map((source): SecretSpec => ({
      project: source.project,
      path: source.path ?? '/',
      recursive: source.recursive ?? false,
      include: source.include ?? [],
      exclude: source.exclude ?? [],
      prefix: source.prefix ?? '',
      as: source.as ?? 'env',
      mode: source.mode,
    })),
  }));
}

/** What holds for `psi cache init` while the file has no `cache:` yet. */
export function defaultCache(stateDir: string): CacheConfig {
  return { ...assembleCache({}, stateDir), enabled: false };
}

function assembleCache(raw: RawCache, stateDir: string): CacheConfig {
  const { tpm, hsm } = raw;
  return {
    enabled: raw.enabled ?? true,
    backend: raw.backend,
    path: raw.path ?? `${stateDir}/cache.enc`,
    refreshIntervalMs: raw.refresh_interval ?? CACHE_DEFAULTS.refreshIntervalMs,
    refreshRandomizedDelayMs: raw.refresh_randomized_delay ?? CACHE_DEFAULTS.refreshRandomizedDelayMs,
    maxAgeMs: raw.max_age,
    tpm: {
      tcti: tpm?.tcti ?? CACHE_DEFAULTS.tcti,
      pcrs: tpm?.pcrs ?? CACHE_DEFAULTS.pcrs,
      bank: tpm?.bank ?? CACHE_DEFAULTS.bank,
      auth: tpm?.auth === undefined ? undefined : toSecretField(tpm.auth),
    },
    hsm: hsm && {
      module: hsm.module,
      libraryParameters: hsm.library_parameters,
      token: { label: hsm.token, serial: hsm.serial, slot: hsm.slot },
      key: { label: hsm.key, id: hsm.key_id },
      pin: hsm.pin === undefined ? undefined : toSecretField(hsm.pin),
    },
    credential: raw.credential ?? CACHE_DEFAULTS.credential,
  };
}
