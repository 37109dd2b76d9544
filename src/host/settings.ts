// From the settings of a config to the layout of its host: what the units have to know, and nothing else.

import { looksFor } from '../certificates/looks.ts';
import type { CacheLayout, HostFolder, HostLayout, CertificateLayout } from './layout.ts';
import { hostFolders } from './layout.ts';

/** What of a config the units depend on. */
export type HostSettings = Omit<HostLayout, 'cache' | 'refresh' | 'tls' | HostFolder> & {
  readonly cache: CacheSettings;
  readonly certificates: readonly CertificateSettings[];
  /** The shortest time between a certificate's renewal and its end; undefined: there are no certificates. */
  readonly shortestWindowMs: number | undefined;
};

export type CacheSettings = {
  readonly enabled: boolean;
  readonly backends: CacheLayout['backends'];
  readonly tpm: { readonly tcti: string };
  readonly credential: string;
  readonly path: string;
  readonly refreshIntervalMs: number;
  readonly refreshRandomizedDelayMs: number;
};

export type CertificateSettings = {
  readonly output: {
    readonly cert: string;
    readonly key: string;
    readonly chain: string;
    readonly ca: string | undefined;
  };
};

export type HostSurroundings = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
};

export function hostLayout(settings: HostSettings, { env, uid }: HostSurroundings): HostLayout {
  const { cache, certificates, shortestWindowMs, ...places } = settings;
  return {
    ...places,
    ...hostFolders(settings.scope, env, uid),
    cache: cacheLayout(cache),
    refresh: { intervalMs: cache.refreshIntervalMs, randomizedDelayMs: cache.refreshRandomizedDelayMs },
    tls: certificateLayout(certificates, shortestWindowMs),
  };
}

function cacheLayout({ enabled, backends, tpm, credential, path }: CacheSettings): CacheLayout | undefined {
  if (!enabled || backends.length === 0) return undefined;
  return { backends, tpmDevice: tpmDeviceOf(tpm.tcti), credential, path };
}

/** A TCTI names the node itself only where it is the kernel's own: `device:/dev/tpmrm0`. */
function tpmDeviceOf(tcti: string): string | undefined {
  return /^device:(\/.+)$/.exec(tcti)?.[1];
}

function certificateLayout(
  certificates: readonly CertificateSettings[],
  windowMs = Infinity,
): CertificateLayout | undefined {
  if (certificates.length === 0) return undefined;
  const outputs = certificates.flatMap(({ output: { cert, key, chain, ca } }) => [
    ...[cert, key, chain],
    ...(ca === undefined ? [] : [ca]),
  ]);
  return { outputs, looks: looksFor(windowMs) };
}
