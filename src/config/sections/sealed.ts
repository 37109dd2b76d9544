// The entry of `providers:` of kind `sealed`: values that this host alone has, for whom they are sealed and what becomes of those that go.

import * as t from 'io-ts';
import { recipientChecks, type Plain } from '../findings/check-parts.ts';
import type { Finding, Path } from '../findings/finding.ts';
import { positiveDuration } from '../schema/duration.ts';
import * as f from '../schema/fields.ts';
import { NO_RECOVERY, recoveryKey, recoveryOrNone } from '../schema/recovery-field.ts';
import { listOf, section, type Decoded } from '../schema/section.ts';

export const SEALED = 'sealed';

const codec = section(
  {
    recovery: t.union([recoveryOrNone, listOf(recoveryKey)], 'recipient of age such as age1…, a list of them, or none'),
  },
  { from_podman: f.boolean, keep_deleted: positiveDuration, pcrs: listOf(f.integer(0, 23, 'BAD_PCR')) },
);

const KEEP_DELETED_MS = 7 * 86_400_000;

export type SealedConfig = {
  /** Of the entry, as mappings name it. */
  readonly name: string;
  /** Public halves of keys that are kept elsewhere. Empty: somebody has written that there is to be none. */
  readonly recovery: readonly string[];
  /** Is what Podman is given sealed too? Otherwise a value given by mistake is refused. */
  readonly fromPodman: boolean;
  readonly keepDeletedMs: number;
  /** Of the TPM. Empty: not bound to the boot state, which an update of the firmware changes for good. */
  readonly pcrs: readonly number[];
};

export const sealedSection = { kind: SEALED, codec, shared: new Map<t.Mixed, string>(), checks };

function checks(entry: Plain, at: Path): readonly Finding[] {
  const { recovery } = entry;
  const path = [...at, 'recovery'];
  if (Array.isArray(recovery) && recovery.length === 0) {
    return [{ code: 'RECOVERY_OR_NONE', path, expected: 'a recovery key, or none', got: 'an empty list' }];
  }
  return recipientChecks(recovery, path);
}

export function assembleSealed(name: string, raw: Decoded<typeof codec>): SealedConfig {
  const { recovery } = raw;
  return {
    name,
    recovery: typeof recovery === 'string' ? (recovery === NO_RECOVERY ? [] : [recovery]) : recovery,
    fromPodman: raw.from_podman ?? false,
    keepDeletedMs: raw.keep_deleted ?? KEEP_DELETED_MS,
    pcrs: raw.pcrs ?? [],
  };
}

export function readSealed(name: string, entry: unknown): SealedConfig | undefined {
  const decoded = codec.decode(entry);
  return decoded._tag === 'Right' ? assembleSealed(name, decoded.right) : undefined;
}
