// `cache:`: whether values are kept on disk, where, and who can open them.

import type * as t from 'io-ts';
import type { TokenTarget } from '../../sealing/token-target.ts';
import type { SecretField } from '../../core/secret-field.ts';
import { BACKENDS, type Backend } from '../../sealing/key-wrapper.ts';
import type { Plain } from '../findings/check-parts.ts';
import type { Finding } from '../findings/finding.ts';
import { duration, positiveDuration } from '../schema/duration.ts';
import * as f from '../schema/fields.ts';
import { choice } from '../schema/leaf.ts';
import * as names from '../schema/name-fields.ts';
import { absolutePath } from '../schema/path-fields.ts';
import { secretField, toSecretField } from '../schema/secret-field.ts';
import { listOf, section } from '../schema/section.ts';

const BANKS = ['sha1', 'sha256', 'sha384', 'sha512'] as const;

export const cacheCodec = section(
  {},
  {
    enabled: f.boolean,
    backend: choice(BACKENDS),
    path: absolutePath,
    refresh_interval: positiveDuration,
    refresh_randomized_delay: duration,
    max_age: positiveDuration,
    tpm: section(
      {},
      {
        tcti: f.line('text (TCTI such as device:/dev/tpmrm0)', true),
        pcrs: listOf(f.integer(0, 23, 'BAD_PCR')),
        bank: choice(BANKS),
        auth: secretField,
      },
    ),
    hsm: section(
      { module: absolutePath },
      {
        library_parameters: f.line('text', true),
        token: f.line('text (token label)', true),
        serial: f.line('text (token serial number)', true),
        slot: f.integer(0, 0xffff_ffff),
        key: f.line('text (key label)', true),
        key_id: f.hex,
        pin: secretField,
      },
    ),
    credential: names.name,
  },
);

const DEFAULTS = {
  refreshIntervalMs: 3_600_000,
  refreshRandomizedDelayMs: 300_000,
  tcti: 'device:/dev/tpmrm0',
  pcrs: [7],
  bank: 'sha256',
  credential: 'psi-cache-key',
} as const;

export type TpmConfig = {
  readonly tcti: string;
  /** Empty: not bound to the boot state. */
  readonly pcrs: readonly number[];
  readonly bank: (typeof BANKS)[number];
  readonly auth: SecretField | undefined;
};

export type HsmConfig = TokenTarget & {
  readonly pin: SecretField | undefined;
};

export type CacheConfig = {
  readonly enabled: boolean;
  /** Undefined: nothing is cached on disk (the Python PSI allowed it, so it stays valid). */
  readonly backend: Backend | undefined;
  readonly path: string;
  readonly refreshIntervalMs: number;
  readonly refreshRandomizedDelayMs: number;
  readonly maxAgeMs: number | undefined;
  readonly tpm: TpmConfig;
  /** Always there when `backend` is `hsm`. */
  readonly hsm: HsmConfig | undefined;
  /** Name of the systemd credential that holds the key, for `backend: credential`. */
  readonly credential: string;
};

export function assembleCache(raw: t.TypeOf<typeof cacheCodec>, stateDir: string): CacheConfig {
  const { tpm, hsm } = raw;
  return {
    enabled: raw.enabled ?? true,
    backend: raw.backend,
    path: raw.path ?? `${stateDir}/cache.enc`,
    refreshIntervalMs: raw.refresh_interval ?? DEFAULTS.refreshIntervalMs,
    refreshRandomizedDelayMs: raw.refresh_randomized_delay ?? DEFAULTS.refreshRandomizedDelayMs,
    maxAgeMs: raw.max_age,
    tpm: {
      tcti: tpm?.tcti ?? DEFAULTS.tcti,
      pcrs: tpm?.pcrs ?? DEFAULTS.pcrs,
      bank: tpm?.bank ?? DEFAULTS.bank,
      auth: tpm?.auth === undefined ? undefined : toSecretField(tpm.auth),
    },
    hsm: hsm && {
      module: hsm.module,
      libraryParameters: hsm.library_parameters,
      token: { label: hsm.token, serial: hsm.serial, slot: hsm.slot },
      key: { label: hsm.key, id: hsm.key_id },
      pin: hsm.pin === undefined ? undefined : toSecretField(hsm.pin),
    },
    credential: raw.credential ?? DEFAULTS.credential,
  };
}

/** What holds for `psi cache init` while the file has no `cache:` yet. */
export function defaultCache(stateDir: string): CacheConfig {
  return { ...assembleCache({}, stateDir), enabled: false };
}

export function cacheChecks(cache: Plain): readonly Finding[] {
  if (cache['backend'] !== 'hsm' || cache['hsm'] !== undefined) return [];
  return [
    { code: 'HSM_MISSING', path: ['cache', 'hsm'], expected: 'key "hsm": the PKCS#11 module', got: 'no such key' },
  ];
}
