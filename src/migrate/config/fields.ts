// Single fields of the Python PSI's config, each with what is said where it is not as it has to be.

import { printable } from '../../core/naming.ts';
import { leniently, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';

const REFUSED_THERE = 'the Python PSI refuses it too';

/** Undefined where it is not given, or refused. Nothing of a value is shown: it may be a secret. */
export function text(remarks: Remarks, entry: Plain, key: string, at: string): string | undefined {
  const value = entry[key];
  if (value === undefined || typeof value === 'string') return value;
  // Unquoted, 0640 is a number of YAML 1.1, and so is 02.
  const hint = typeof value === 'number' ? `put it in quotes: ${key}: "…"` : 'write text, or remove it';
  remarks.refuse(`${at}${key}`, `it is no text; ${REFUSED_THERE}`, hint);
  return undefined;
}

export function needed(remarks: Remarks, entry: Plain, key: string, at: string): string | undefined {
  if (entry[key] === undefined) remarks.refuse(`${at}${key}`, 'it is missing', `write ${key}: …`);
  return text(remarks, entry, key, at);
}

export function flag(remarks: Remarks, entry: Plain, key: string, at: string): boolean | undefined {
  const value = entry[key];
  if (value === undefined) return undefined;
  const known = leniently(value);
  if (known === undefined) remarks.refuse(`${at}${key}`, `it is no boolean; ${REFUSED_THERE}`, 'write true or false');
  return known;
}

export function path(remarks: Remarks, entry: Plain, key: string, at: string): string | undefined {
  const value = text(remarks, entry, key, at);
  if (value === undefined || value.startsWith('/')) return value;
  const what = value === '' ? 'it is empty' : `"${printable(value)}" is no absolute path`;
  remarks.refuse(
    `${at}${key}`,
    `${what}: the Python PSI took it as it is, from the folder it ran in`,
    'write the whole path, from / on',
  );
  return undefined;
}

/** Says which keys have no meaning there: here the same key may have one, and nobody asked for it. */
export function strangers(remarks: Remarks, entry: Plain, known: readonly string[], at: string): void {
  for (const key of Object.keys(entry)) {
    if (known.includes(key)) continue;
    remarks.note(`${at}${printable(key)}`, 'the Python PSI does not know this key and ignored it: it is left out');
  }
}

/** Of a name that both have to take as it stands, because it is in the mappings of Podman's secrets. */
export function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name);
}
