// Which names are allowed where. Keys come from a remote system and end in unit files that root runs, so everything here
// answers with the reason for a refusal instead of repairing the name.

import { PsiError } from './error.ts';

/** Podman's secret ids are 25 hex digits; other lengths are accepted so that a later Podman may change them. */
const SECRET_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

declare const KIND: unique symbol;

/** Podman's id of a secret, checked: the name of its mapping's file. `isSecretId` makes one. */
export type SecretId = string & { readonly [KIND]: 'SecretId' };

/** The name that PSI gives a secret with Podman: `WORKLOAD--KEY`. `secretName` makes one. */
export type SecretName = string & { readonly [KIND]: 'SecretName' };

/** PSI's own folders in the state folder, of certificates and of sealed values: the names there without a dot. */
const FOLDERS: readonly string[] = ['tls', 'sealed'];

/** May this be the name of a mapping file? Dots are refused: PSI's own files in the state folder all have one. */
export function isSecretId(id: string): id is SecretId {
  return SECRET_ID.test(id) && !FOLDERS.includes(id);
}

/** A text as the id that it has to be. */
export function secretId(text: string): SecretId {
  if (!isSecretId(text)) throw notAnId();
  return text;
}

/** The refusal of a malformed id; the id itself is not repeated, it may be anything. */
export function notAnId(): PsiError {
  return new PsiError('BAD_REQUEST', 'this is no secret id: expected 1 to 128 letters, digits, dashes or underscores', {
    hint: 'podman passes the id as $SECRET_ID; `podman secret ls` shows the ids there are',
  });
}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name that every shell and every language can read from its environment. */
export function isEnvName(name: string): boolean {
  return ENV_NAME.test(name);
}

// What Podman cannot be told, or what ends a word of a unit file; and `/`, which no name of a secret may hold.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const NO_VARIABLE = /[\u0000-\u001f\u007f-\u009f\s,"'\\=/`]/;

/** A name that Podman sets as a variable, where somebody says it: `discovery.type` too, which no shell reads. */
export function isVariableName(name: string): boolean {
  return name !== '' && name.length <= 200 && !NO_VARIABLE.test(name) && name.isWellFormed();
}

const WORKLOAD_NAME = /^(?!.*--)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9._])?@?$/;
const LONGEST_WORKLOAD_NAME = 128;

/**
 * No `--` and no `-` at the end: then the first `--` of `{workload}--{key}` ends the workload's name, whatever the key is.
 * `@` only at the end: a template has one registration and one drop-in for all its instances.
 */
export function isWorkloadName(name: string): boolean {
  return name.length <= LONGEST_WORKLOAD_NAME && WORKLOAD_NAME.exec(name)?.[0] === name;
}

/** The Podman secret of one key of a workload. `--` also keeps it from being read as an id prefix (podman resolves those). */
export function secretName(workload: string, key: string): SecretName {
  return `${workload}--${key}` as SecretName;
}

/** The workload of a secret that `secretName` named; undefined for any other name. No workload's name holds `--`. */
export function workloadOf(name: string): string | undefined {
  const end = name.indexOf('--');
  return end > 0 ? name.slice(0, end) : undefined;
}

/** Podman ≥ 4.7 takes 1-253 bytes. */
const MAX_SECRET_NAME_BYTES = 253;

// Control characters end or split a line of a unit file; quotes and backslashes are read by systemd's word splitting; commas and `=` by
// podman's --secret parser; `/` is refused by Podman; blanks of any alphabet split words.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const FORBIDDEN_IN_KEY = /[\u0000-\u001f\u007f-\u009f\s,"'\\=/`]/;

/** A key as it can stand in Podman's name of a secret, where nothing else of the config names it. */
export function nameStem(key: string): string {
  const stem = key.toWellFormed().replace(new RegExp(FORBIDDEN_IN_KEY, 'g'), '_');
  return /^\.{0,2}$/.test(stem) ? `_${stem}` : stem;
}

/** Why Podman would take no secret of this name; undefined if it does. */
export function refuseName(name: SecretName): Refusal | undefined {
  if (new TextEncoder().encode(name).length <= MAX_SECRET_NAME_BYTES) return undefined;
  return {
    reason: `the name is longer than Podman allows (${String(MAX_SECRET_NAME_BYTES)} bytes with the workload's name)`,
    hint: 'rename it at the provider, or leave it out with `exclude`',
  };
}

export type Refusal = { readonly reason: string; readonly hint: string };

/** Why this remote key cannot be registered and mounted or set as a variable; undefined if it can. */
export function refuseKey(workload: string, key: string, target: string, kind: 'env' | 'mount'): Refusal | undefined {
  if (FORBIDDEN_IN_KEY.test(key)) {
    return {
      reason:
        'the name holds a character that cannot stand in a unit file (control character, quote, comma, blank, `=`, `/` or backslash)',
      hint: 'rename it at the provider, or leave it out with `exclude`',
    };
  }
  // Half of a surrogate pair cannot be written as UTF-8: Podman would get another name.
  if (!key.isWellFormed()) {
    return {
      reason: 'the name is no valid Unicode',
      hint: 'rename it at the provider, or leave it out with `exclude`',
    };
  }
  if (key === '' || key === '.' || key === '..') {
    return {
      reason: 'the name is empty or a dot name',
      hint: 'rename it at the provider, or leave it out with `exclude`',
    };
  }
  const tooLong = refuseName(secretName(workload, key));
  if (tooLong) return tooLong;
  if (kind === 'env' && !isEnvName(target)) {
    return {
      reason: `"${printable(target)}" is no valid name of an environment variable`,
      hint: 'use `as: mount` for it, rename it at the provider, or leave it out with `exclude`',
    };
  }
  if (kind === 'mount' && (FORBIDDEN_IN_KEY.test(target) || target === '.' || target === '..')) {
    return {
      reason: `"${printable(target)}" is no valid file name here`,
      hint: 'change `prefix`, or leave it out with `exclude`',
    };
  }
  return undefined;
}

/** A hostile name made safe to print on a terminal or into a log line: escapes control and non-ASCII characters, cuts at 80. */
export function printable(name: string): string {
  const escaped = JSON.stringify(name)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length > 80 ? `${escaped.slice(0, 77)}...` : escaped;
}
