// `PSI_…` in the environment of the Python PSI's units: each goes over what the file says, deeply.

import { printable } from '../../core/naming.ts';
import { isRecord, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';

const TEXTS = ['scope', 'state_dir', 'systemd_dir', 'ca_cert', 'socket_token'];
const STRUCTURES = ['providers', 'workloads', 'cache'];
/** Read by it outside its config. */
const OTHERS = ['PSI_CONFIG', 'PSI_LOG_LEVEL', 'PSI_LOG_JSON', 'PSI_NITROKEYHSM_PIN'];

export type PsiEnvironment = ReadonlyMap<string, string>;

export function overridden(file: Plain, env: PsiEnvironment, remarks: Remarks): Plain {
  let config: Plain = file;
  for (const [name, value] of env) {
    const key = name.slice('PSI_'.length).toLowerCase();
    if (TEXTS.includes(key)) config = { ...config, [key]: value };
    else if (STRUCTURES.includes(key)) config = merged(config, { [key]: structure(name, value, remarks) });
    else if (!OTHERS.includes(name.toUpperCase()))
      remarks.note(printable(name), 'the Python PSI does not know this variable and ignored it: it is left out');
    else if (name.toUpperCase() === 'PSI_LOG_JSON')
      remarks.note(printable(name), 'psi writes JSON wherever its log is no terminal: it is left out');
    if (key !== 'socket_token' && [...TEXTS, ...STRUCTURES].includes(key))
      remarks.note(printable(name), `it went over ${key} of the file, and now stands there`);
  }
  return config;
}

/** Its text may hold a client secret: nothing of it is shown. */
function structure(name: string, value: string, remarks: Remarks): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    remarks.refuse(printable(name), 'it is no JSON; the Python PSI refuses it too', 'remove it, or write JSON there');
    return undefined;
  }
}

function merged(below: Plain, above: Plain): Plain {
  const result: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const before = result[key];
    if (value !== undefined) result[key] = isRecord(before) && isRecord(value) ? merged(before, value) : value;
  }
  return result;
}
