// `cache:`: its backends have the same names, and the HSM's settings stood with the provider of that name.

import { printable } from '../../core/naming.ts';
import { given, isRecord, leniently, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { flag, path, strangers, text } from './fields.ts';
import { cacheToken, type OldToken } from './nitrokeyhsm.ts';
import { spanWord, timerSpan } from './spans.ts';

export function cache(value: unknown, hsm: OldToken | undefined, remarks: Remarks): Plain | undefined {
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
    hsm: backend === 'hsm' ? cacheToken(hsm, remarks) : undefined,
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
