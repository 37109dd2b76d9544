// The entry of `providers:` of kind `nitrokeyhsm`, with the keys and the defaults of the Python PSI: the token that opens what that one has
// sealed. Nothing is sealed for it any more.

import * as t from 'io-ts';
import type { SecretField } from '../../core/secret-field.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';
import type { Finding } from '../findings/finding.ts';
import * as f from '../schema/fields.ts';
import { absolutePath } from '../schema/path-fields.ts';
import { secretField, toSecretField } from '../schema/secret-field.ts';
import { section, type Decoded } from '../schema/section.ts';

export const NITROKEY = 'nitrokeyhsm';

const codec = section(
  {},
  {
    pkcs11_module: absolutePath,
    slot: f.integer(0, 0xffff_ffff),
    key_label: f.line('text (key label)', true),
    key_id: f.hex,
    pin: secretField,
    // Both were for what seals, and for a unit that psi writes otherwise: taken, and of no effect.
    public_key_cache: absolutePath,
    pcscd_volume: f.line('text (name of a volume)', true),
  },
);

const DEFAULTS = {
  module: '/usr/lib64/pkcs11/opensc-pkcs11.so',
  index: 0,
  label: 'podman-secrets',
  id: '02',
} as const;

export type NitrokeyConfig = { readonly target: TokenTarget; readonly pin: SecretField | undefined };

export const nitrokeySection = {
  kind: NITROKEY,
  codec,
  shared: new Map<t.Mixed, string>(),
  checks: (): readonly Finding[] => [],
};

export function readNitrokey(entry: unknown): NitrokeyConfig | undefined {
  const decoded = codec.decode(entry);
  return decoded._tag === 'Right' ? assembleNitrokey(decoded.right) : undefined;
}

function assembleNitrokey(raw: Decoded<typeof codec>): NitrokeyConfig {
  return {
    target: {
      module: raw.pkcs11_module ?? DEFAULTS.module,
      libraryParameters: undefined,
      token: { label: undefined, serial: undefined, slot: undefined, index: raw.slot ?? DEFAULTS.index },
      key: { label: raw.key_label ?? DEFAULTS.label, id: raw.key_id ?? DEFAULTS.id, either: true },
    },
    pin: raw.pin === undefined ? undefined : toSecretField(raw.pin),
  };
}
