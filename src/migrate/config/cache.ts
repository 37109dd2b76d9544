// `cache:`: its backends have the same names, and the HSM's settings stood with the provider of that name.

import { printable } from '../../core/naming.ts';
import { given, isRecord, leniently, mapOf, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { flag, path, strangers, text } from './fields.ts';
import { spanWord, timerSpan } from './spans.ts';

const DEFAULT_MODULE = '/usr/lib64/pkcs11/opensc-pkcs11.so';
const HSM = 'providers.nitrokeyhsm.';

/** Where its PIN comes from: the first of these that there is. */
export type PinSource = { readonly kind: 'credential' } | { readonly kind: 'file'; readonly path: string } | undefined;

export function cache(value: unknown, hsm: unknown, pin: PinSource, remarks: Remarks): Plain | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) {
    remarks.refuse('cache', 'it is no map; the Python PSI refuses it too', 'remove it, or write its settings');
    return undefined;
  }
  strangers(remarks, value, ['enabled', 'backend', 'path', 'refresh_interval', 'refresh_randomized_delay'], 'cache.');
  const backend = value['backend'] === null ? undefined : text(remarks, value, 'backend', 'cache.');
  if (backend !== undefined && backend !== 'tpm' && backend !== 'hsm')
    remarks.refuse(
      'cache.backend',
      `there is no "${printable(backend)}"; the Python PSI refuses it too`,
      'write tpm or hsm',
    );
  if (backend === undefined && leniently(value['enabled']) !== false)
    remarks.note(
      'cache.backend',
      'without one nothing is cached, here as there',
      'write backend: tpm, hsm or credential',
    );
  return given({
    enabled: flag(remarks, value, 'enabled', 'cache.'),
    backend,
    path: value['path'] === null ? undefined : path(remarks, value, 'path', 'cache.'),
    refresh_interval: interval(value, 'refresh_interval', remarks),
    refresh_randomized_delay: interval(value, 'refresh_randomized_delay', remarks),
    hsm: backend === 'hsm' ? token(mapOf(hsm), pin, remarks) : undefined,
  });
}

function interval(entry: Plain, key: string, remarks: Remarks): string | undefined {
  const written = text(remarks, entry, key, 'cache.');
  if (written === undefined) return undefined;
  const ms = timerSpan(written);
  // A delay may be none; an interval of none is a timer that never ends.
  if (ms === undefined || (ms === 0 && key === 'refresh_interval')) {
    remarks.note(
      `cache.${key}`,
      `"${printable(written)}" is no span of time here: the default holds`,
      `write ${key}: 1h or another`,
    );
    return undefined;
  }
  return spanWord(ms);
}

/** The key is looked for by its id first there, and by its label if that finds none. */
function token(entry: Plain, pin: PinSource, remarks: Remarks): Plain {
  const at = HSM;
  const slot = entry['slot'];
  if (slot !== undefined && slot !== 0)
    remarks.note(
      `${at}slot`,
      'it counted tokens there, and is the number of a slot here: it is left out',
      'name the token under cache.hsm (`token: LABEL`); `psi hsm status` lists them',
    );
  const module = path(remarks, entry, 'pkcs11_module', at) ?? DEFAULT_MODULE;
  if (module !== DEFAULT_MODULE)
    remarks.note(
      `${at}pkcs11_module`,
      'the module is looked for in the image of psi',
      `see whether it is there: \`podman run --rm IMAGE ls ${printable(module)}\``,
    );
  const id = text(remarks, entry, 'key_id', at) ?? '02';
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(id))
    remarks.refuse(`${at}key_id`, 'it is no hex in pairs', 'write it such as "02"');
  return given({ module, key_id: id, pin: pinField(entry, pin, remarks) });
}

function pinField(entry: Plain, pin: PinSource, remarks: Remarks): unknown {
  if (pin?.kind === 'credential') return { credential: 'hsm-pin' };
  const written = entry['pin'] === null ? undefined : text(remarks, entry, 'pin', HSM);
  if (written !== undefined && written !== '') return written;
  return pin === undefined ? undefined : { file: pin.path };
}
