// The configuration file as it is written, and the Config that the rest of PSI sees: defaults filled in, names in camelCase. Each section
// has a file of its own; what depends on two of them is in findings/checks.ts.

import type * as t from 'io-ts';
import { scopeOf } from '../../core/scope.ts';
import type { SecretField } from '../../core/secret-field.ts';
import type { ProviderConfig } from '../../provider/provider.ts';
import type { Config } from '../config.ts';
import type { Env } from '../surroundings.ts';
import { placesOf } from '../places.ts';
import { absolutePath, socketPath } from '../schema/path-fields.ts';
import { secretField, toSecretField } from '../schema/secret-field.ts';
import { section } from '../schema/section.ts';
import { assembleCache, cacheCodec } from './cache.ts';
import { assembleLimits, limitsCodec } from './limits.ts';
import { assembleLookup, lookupCodec } from './lookup.ts';
import type { OwnProviders } from './own-providers.ts';
import { assembleMetrics, metricsCodec } from './metrics.ts';
import { assembleWorkloads, workloadsCodec } from './workloads.ts';

/** `providers`: the section of that name. */
export function fileCodec(providers: t.Mixed) {
  return section(
    {},
    {
      state_dir: absolutePath,
      systemd_dir: absolutePath,
      socket: socketPath,
      control_socket: socketPath,
      podman_socket: socketPath,
      dbus_socket: socketPath,
      ca_cert: absolutePath,
      socket_token: secretField,
      lookup: lookupCodec,
      limits: limitsCodec,
      metrics: metricsCodec,
      providers,
      cache: cacheCodec,
      workloads: workloadsCodec,
    },
  );
}

export type RawFile = Omit<t.TypeOf<ReturnType<typeof fileCodec>>, 'providers'>;

export type Surroundings = { readonly file: string; readonly env: Env; readonly uid: number };

/** `providersOf`: the section of that name, which takes over what holds for all of them. */
export function assemble(
  raw: RawFile,
  { file, env, uid }: Surroundings,
  providersOf: (common: { readonly caCert: string | undefined }) => {
    readonly providers: ReadonlyMap<string, ProviderConfig>;
    readonly own: OwnProviders;
  },
): Config {
  const places = placesOf(env, uid);
  const stateDir = raw.state_dir ?? places.stateDir;
  const caCert = raw.ca_cert;
  const { providers, own } = providersOf({ caCert });
  return {
    file,
    scope: scopeOf(uid),
    stateDir,
    systemdDir: raw.systemd_dir ?? places.systemdDir,
    socket: raw.socket ?? places.socket,
    controlSocket: raw.control_socket ?? places.controlSocket,
    podmanSocket: raw.podman_socket ?? places.podmanSocket,
    dbusSocket: raw.dbus_socket ?? places.dbusSocket,
    caCert,
    socketToken: socketToken(raw, env),
    lookup: assembleLookup(raw.lookup, places),
    limits: assembleLimits(raw.limits),
    metrics: assembleMetrics(raw.metrics),
    providers,
    ...own,
    cache: raw.cache === undefined ? undefined : assembleCache(raw.cache, stateDir),
    ...assembleWorkloads(raw.workloads ?? {}, [...providers.keys()]),
  };
}

// The Python PSI took the token from this variable as well, and a host that relied on it must not come up without one.
function socketToken(raw: RawFile, env: Env): SecretField | undefined {
  if (raw.socket_token !== undefined) return toSecretField(raw.socket_token);
  const inherited = env['PSI_SOCKET_TOKEN'];
  return inherited === undefined || inherited === '' ? undefined : { kind: 'env', name: 'PSI_SOCKET_TOKEN' };
}
