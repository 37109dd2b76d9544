// `providers.nitrokeyhsm`: the token, which opened secrets and could keep the key of the cache. This psi has each under its own section.

import { printable } from '../../core/naming.ts';
import { given, isRecord, mapOf, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { path, strangers, text } from './fields.ts';

/** The second is what it was called until April 2026. */
export const TOKENS: readonly string[] = ['nitrokeyhsm', 'nitrohsm'];

/** Where its PIN comes from: the first of these that there is. */
export type PinSource = { readonly kind: 'credential' } | { readonly kind: 'file'; readonly path: string } | undefined;

/** As it was written; undefined: not at all. */
export type OldToken = {
  readonly name: string;
  readonly module: string | undefined;
  readonly slot: number | undefined;
  readonly keyLabel: string | undefined;
  readonly keyId: string | undefined;
  readonly pin: unknown;
};

const DEFAULT_MODULE = '/usr/lib64/pkcs11/opensc-pkcs11.so';
const DEFAULT_ID = '02';
const KNOWN = ['pkcs11_module', 'slot', 'key_label', 'key_id', 'pin', 'public_key_cache', 'pcscd_volume'];

export function oldTokens(providers: Plain, pin: PinSource, remarks: Remarks): readonly OldToken[] {
  const names = Object.keys(providers).filter((name) => TOKENS.includes(name));
  return names.map((name) => {
    const at = `providers.${name}.`;
    if (!isRecord(providers[name]))
      remarks.refuse(`providers.${name}`, 'it is no map; the Python PSI refuses it too', 'write {} or its settings');
    const entry = mapOf(providers[name]);
    strangers(remarks, entry, KNOWN, at);
    return {
      ...{ name, module: moduleOf(entry, at, remarks), slot: slotOf(entry, at, remarks) },
      ...{ keyLabel: text(remarks, entry, 'key_label', at), keyId: idOf(entry, at, remarks) },
      pin: pinField(entry, at, pin, remarks),
    };
  });
}

/** Opens what it has sealed. The keys that are left out were for sealing, and for a volume that this psi has not. */
export function sealingProvider({ name, module, slot, keyLabel, keyId, pin }: OldToken): Plain {
  const kind = name === TOKENS[0] ? undefined : TOKENS[0];
  return given({ kind, pkcs11_module: module, slot, key_label: keyLabel, key_id: keyId, pin });
}

/** The key of the cache in it. Its key is looked for by its id first there, and by its label if that finds none. */
export function cacheToken(token: OldToken | undefined, remarks: Remarks): Plain {
  if (token?.slot !== undefined && token.slot !== 0)
    remarks.note(
      `providers.${token.name}.slot`,
      'it counted tokens there, and is the number of a slot for the cache: it is left out of cache.hsm',
      'name the token under cache.hsm (`token: LABEL`); `psi hsm status` lists them',
    );
  return given({ module: token?.module ?? DEFAULT_MODULE, key_id: token?.keyId ?? DEFAULT_ID, pin: token?.pin });
}

/** Of a config of this psi: for the cache, or for what it has sealed. */
export function asksToken(config: Plain): boolean {
  const providers = mapOf(config['providers']);
  return mapOf(config['cache'])['backend'] === 'hsm' || TOKENS.some((name) => providers[name] !== undefined);
}

function moduleOf(entry: Plain, at: string, remarks: Remarks): string | undefined {
  const module = path(remarks, entry, 'pkcs11_module', at);
  if (module !== undefined && module !== DEFAULT_MODULE)
    remarks.note(
      `${at}pkcs11_module`,
      'the module is looked for in the image of psi',
      `see whether it is there: \`podman run --rm IMAGE ls ${printable(module)}\``,
    );
  return module;
}

function slotOf(entry: Plain, at: string, remarks: Remarks): number | undefined {
  const written = entry['slot'];
  const slot = typeof written === 'string' && /^\s*\d+\s*$/.test(written) ? Number(written) : written;
  if (slot === undefined) return undefined;
  if (typeof slot === 'number' && Number.isInteger(slot) && slot >= 0) return slot;
  remarks.refuse(`${at}slot`, 'it is no whole number', 'write which of the slots that have a token, such as 0');
  return undefined;
}

function idOf(entry: Plain, at: string, remarks: Remarks): string | undefined {
  const id = text(remarks, entry, 'key_id', at);
  if (id === undefined || /^(?:[0-9A-Fa-f]{2})+$/.test(id)) return id;
  remarks.refuse(`${at}key_id`, 'it is no hex in pairs', 'write it such as "02"');
  return undefined;
}

function pinField(entry: Plain, at: string, pin: PinSource, remarks: Remarks): unknown {
  if (pin?.kind === 'credential') return { credential: 'hsm-pin' };
  const written = entry['pin'] === null ? undefined : text(remarks, entry, 'pin', at);
  if (written !== undefined && written !== '') return written;
  return pin === undefined ? undefined : { file: pin.path };
}
