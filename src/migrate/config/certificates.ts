// `providers.infisical.tls`: certificates. Durations were NUMBER and one letter there; here those of certificates are whole minutes.

import { printable } from '../../core/naming.ts';
import { given, isRecord, listOf, mapOf, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { isName, needed, path, strangers, text } from './fields.ts';
import { certificateSpan, spanWord } from './spans.ts';

const MINUTE = 60_000;
const DEFAULT_TTL = '90d';
const DEFAULT_BEFORE = '30d';
const KNOWN = [
  'project',
  'profile_id',
  'common_name',
  'output',
  'alt_names',
  'ttl',
  'key_algorithm',
  'renew_before',
  'hooks',
];

export function certificates(value: unknown, at: string, remarks: Remarks): Plain {
  const all = mapOf(value)['certificates'];
  if (!isRecord(all)) {
    remarks.refuse(
      `${at}.certificates`,
      'it is missing or no map; the Python PSI refuses it too',
      'write it, or remove tls',
    );
    return {};
  }
  strangers(remarks, mapOf(value), ['certificates'], `${at}.`);
  const entries = Object.entries(all).map(([name, one]) => {
    const here = `${at}.certificates.${printable(name)}`;
    if (!isName(name))
      remarks.refuse(here, 'psi takes no such name for a certificate', 'use letters, digits, `.`, `_` and `-`');
    return [name, certificate(mapOf(one), `${here}.`, remarks)];
  });
  return { certificates: Object.fromEntries(entries) as Plain };
}

function certificate(entry: Plain, at: string, remarks: Remarks): Plain {
  strangers(remarks, entry, KNOWN, at);
  return given({
    project: needed(remarks, entry, 'project', at),
    profile_id: needed(remarks, entry, 'profile_id', at),
    common_name: needed(remarks, entry, 'common_name', at),
    alt_names: entry['alt_names'],
    ...dates(entry, at, remarks),
    key_algorithm: entry['key_algorithm'] === null ? undefined : text(remarks, entry, 'key_algorithm', at),
    output: output(entry['output'], `${at}output`, remarks),
    hooks: entry['hooks'] === undefined ? undefined : hooks(entry['hooks'], `${at}hooks`, remarks),
  });
}

function dates(entry: Plain, at: string, remarks: Remarks): Plain {
  const ttl = wholeMinutes(span(entry, 'ttl', at, remarks), `${at}ttl`, remarks);
  const before = span(entry, 'renew_before', at, remarks);
  const [life, wanted] = [ttl ?? certificateSpan(DEFAULT_TTL) ?? 0, before ?? certificateSpan(DEFAULT_BEFORE) ?? 0];
  const most = Math.floor((life * 2) / 3 / MINUTE) * MINUTE;
  const written = before === undefined && wanted <= most ? undefined : Math.min(wanted, most);
  if (wanted > most) {
    const reason = `${spanWord(wanted)} before the end is more than two thirds of its life, which made a new one at every look: it is ${spanWord(most)} now`;
    remarks.note(`${at}renew_before`, reason);
  }
  return given({
    ttl: ttl === undefined ? undefined : spanWord(ttl),
    renew_before: written === undefined ? undefined : spanWord(written),
  });
}

function wholeMinutes(ms: number | undefined, at: string, remarks: Remarks): number | undefined {
  if (ms === undefined || ms % MINUTE === 0) return ms;
  const whole = Math.ceil(ms / MINUTE) * MINUTE;
  remarks.note(at, `a certificate lives whole minutes here: ${spanWord(ms)} is ${spanWord(whole)} now`);
  return whole;
}

function span(entry: Plain, key: string, at: string, remarks: Remarks): number | undefined {
  const written = text(remarks, entry, key, at);
  if (written === undefined) return undefined;
  const ms = certificateSpan(written);
  if (ms !== undefined && ms > 0) return ms;
  remarks.refuse(
    `${at}${key}`,
    `"${printable(written)}" is no span of time`,
    'write a number and one of m, h, d, such as 90d',
  );
  return undefined;
}

function output(value: unknown, at: string, remarks: Remarks): Plain {
  const entry = mapOf(value);
  strangers(remarks, entry, ['cert', 'key', 'chain', 'ca', 'mode'], `${at}.`);
  const missing = ['cert', 'key', 'chain'].filter((key) => entry[key] === undefined);
  for (const key of missing) remarks.refuse(`${at}.${key}`, 'it is missing', `write ${key}: /path`);
  return given({
    ...Object.fromEntries(['cert', 'key', 'chain'].map((key) => [key, path(remarks, entry, key, `${at}.`)])),
    ca: entry['ca'] === null ? undefined : path(remarks, entry, 'ca', `${at}.`),
    mode: text(remarks, entry, 'mode', `${at}.`),
  });
}

const SHELL_WORD = /^(?:&&?|\|\|?|;|[0-9]*[<>].*)$/;

function hooks(value: unknown, at: string, remarks: Remarks): readonly unknown[] {
  return listOf(value).map((line, index) => {
    if (typeof line !== 'string') {
      remarks.refuse(
        `${at}.${String(index)}`,
        'it is no text; the Python PSI refuses it too',
        'write the command as one text',
      );
      return line;
    }
    const words = line.trim().split(/\s+/);
    if (!words.some((word) => SHELL_WORD.test(word))) return line;
    const hint = 'what a shell is to read: [sh, -c, "…"]';
    remarks.note(
      `${at}.${String(index)}`,
      'no shell runs it, here as there: its words go to the program as they stand',
      hint,
    );
    return words;
  });
}
