// `cache:`: whether values are kept on disk, where, and who can open them.

import * as t from 'io-ts';
import type { TokenTarget } from '../../sealing/token-target.ts';
import type { SecretField } from '../../core/secret-field.ts';
import { BACKENDS, type Backend } from '../../sealing/key-wrapper.ts';
import { doubled, recipientChecks, textsOf, type Plain } from '../findings/check-parts.ts';
import type { Finding } from '../findings/finding.ts';
import { duration, positiveDuration } from '../schema/duration.ts';
import * as f from '../schema/fields.ts';
import { choice } from '../schema/leaf.ts';
import * as names from '../schema/name-fields.ts';
import { recoveryKey } from '../schema/recovery-field.ts';
import { absolutePath } from '../schema/path-fields.ts';
import { secretField, toSecretField } from '../schema/secret-field.ts';
import { listOf, section } from '../schema/section.ts';

const BANKS = ['sha1', 'sha256', 'sha384', 'sha512'] as const;

const backend = choice(BACKENDS);

export const cacheCodec = section(
  {},
  {
    enabled: f.boolean,
    backend: t.union([backend, listOf(backend)], 'tpm, hsm or credential, or a list of them'),
    recovery: t.union([recoveryKey, listOf(recoveryKey)], 'recipient of age such as age1…, or a list of them'),
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
  /** Who opens it at each start, the first that can. None: nothing is cached on disk (the Python PSI allowed it, so it stays valid). */
  readonly backends: readonly Backend[];
  /** Public halves of keys that are kept elsewhere, and open the cache when none of the backends does. */
  readonly recovery: readonly string[];
  readonly path: string;
  readonly refreshIntervalMs: number;
  readonly refreshRandomizedDelayMs: number;
  readonly maxAgeMs: number | undefined;
  readonly tpm: TpmConfig;
  /** Always there when `hsm` is one of the backends. */
  readonly hsm: HsmConfig | undefined;
  /** Name of the systemd credential that holds the key, for `backend: credential`. */
  readonly credential: string;
};

export function assembleCache(raw: t.TypeOf<typeof cacheCodec>, stateDir: string): CacheConfig {
  const { tpm, hsm } = raw;
  return {
    enabled: raw.enabled ?? true,
    backends: oneOrMore(raw.backend),
    recovery: oneOrMore(raw.recovery),
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

function oneOrMore<T extends string>(written: T | readonly T[] | undefined): readonly T[] {
  if (written === undefined) return [];
  return typeof written === 'string' ? [written] : written;
}

export function cacheChecks(cache: Plain): readonly Finding[] {
  const backends = textsOf(cache['backend']);
  const recovery = textsOf(cache['recovery']);
  return [
    ...(backends.includes('hsm') && cache['hsm'] === undefined ? [HSM_MISSING] : []),
    ...(recovery.length > 0 && isNothing(cache['backend']) ? [RECOVERY_ALONE] : []),
    ...doubled(backends, ['cache', 'backend']),
    ...recipientChecks(cache['recovery'], ['cache', 'recovery']),
  ];
}

const HSM_MISSING: Finding = {
  code: 'HSM_MISSING',
  path: ['cache', 'hsm'],
  expected: 'key "hsm": the PKCS#11 module',
  got: 'no such key',
};

const RECOVERY_ALONE: Finding = {
  code: 'RECOVERY_ALONE',
  path: ['cache', 'backend'],
  expected: 'key "backend": what opens the cache at each start',
  got: 'no such key',
};

/** Of the file as it is written: does something open sealed files at each start? */
export function cacheHasBackend(cache: Plain): boolean {
  return cache['enabled'] !== false && !isNothing(cache['backend']);
}

function isNothing(written: unknown): boolean {
  return written === undefined || (Array.isArray(written) && written.length === 0);
}
