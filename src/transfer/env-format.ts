// Secrets as text that something else reads back: a shell, `podman run --env-file`, systemd's EnvironmentFile, or a JSON parser. What a
// reader would alter is left out by name, with the reason. Pure.

import { failureOf, type Failure } from '../core/failure.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { hasControl, hasNoncharacter } from '../core/text/characters.ts';
import { isVariableName, shellObjection } from '../core/text/shell-names.ts';
import { shellQuoted } from '../core/text/shell.ts';
import { visibleJson } from '../core/text/visible.ts';
import type { ReadSecret } from './read-folder.ts';

export type EnvReader = 'podman' | 'systemd';

/** `env`: one line each, for all the readers. */
export type EnvFormat =
  | { readonly kind: 'export' | 'json' }
  | { readonly kind: 'env'; readonly readers: readonly [EnvReader, ...EnvReader[]] };

export type NamedValue = {
  readonly key: string;
  /** undefined: it may not be read. */
  readonly value: SecretValue | undefined;
  /** Why there is no value; without it, it is hidden. */
  readonly why?: Failure;
};

/** What a folder was read as, for what is rendered: when it was fetched does not matter here. */
export function namedValues(secrets: readonly ReadSecret[]): readonly NamedValue[] {
  return secrets.map(({ key, reading }) => {
    if (reading.kind === 'value') return { key, value: reading.fetched.value };
    return { key, value: undefined, ...(reading.kind !== 'hidden' && { why: failureOf(reading.error) }) };
  });
}

/** Those whose value holds a reference that the provider leaves as it is. */
export function literalKeys(secrets: readonly ReadSecret[]): readonly string[] {
  return secrets.flatMap(({ key, reading }) => (reading.kind === 'value' && reading.fetched.literal ? [key] : []));
}

export type LeftOut = { readonly key: string; readonly reason: string; readonly hint: string | null };

/** `lines`: for the output, each to be ended with a newline. */
export type Rendered = { readonly lines: readonly string[]; readonly leftOut: readonly LeftOut[] };

/** Without a hint of its own: what a file can hold all the same. */
type Line = { readonly text: string } | { readonly reason: string; readonly hint?: string | null };

export function renderEnv(secrets: readonly NamedValue[], format: EnvFormat, words: ProviderWords): Rendered {
  const leftOut: LeftOut[] = [];
  const lines: string[] = [];
  for (const secret of secrets) {
    const { key, value } = secret;
    const text = value?.exposeExactText();
    const line = text === undefined ? unreadable(secret, words) : lineOf(key, text, format);
    if ('text' in line) lines.push(line.text);
    else leftOut.push({ key, reason: line.reason, hint: line.hint === undefined ? asFile(words) : line.hint });
  }
  return { lines: format.kind === 'json' ? jsonObject(lines) : lines, leftOut };
}

/** Written by hand: an object of JavaScript would put keys that are numbers first. */
function jsonObject(members: readonly string[]): readonly string[] {
  if (members.length === 0) return ['{}'];
  return ['{', ...members.map((member, index) => `  ${member}${index === members.length - 1 ? '' : ','}`), '}'];
}

function lineOf(key: string, text: string, format: EnvFormat): Line {
  switch (format.kind) {
    case 'json':
      return { text: visibleJson(`${JSON.stringify(key)}: ${JSON.stringify(text)}`) };
    case 'export':
      return exported(key, text);
    case 'env':
      return envLine(key, text, format.readers);
  }
}

function asFile({ group }: ProviderWords): string {
  return `write it to a file with \`psi ${group} write-file\`, or take \`--format json\``;
}

/** The kernel takes no longer variable; once exported, one would keep every later command from starting. */
const LONGEST_VARIABLE = 131_071;

function exported(key: string, text: string): Line {
  if (!isVariableName(key)) return { reason: 'its name cannot be a variable of a shell' };
  const reason = shellObjection(key) ?? tooMuch(key, text);
  if (reason !== undefined) return { reason };
  return { text: `export ${key}=${shellQuoted(text)}` };
}

function envLine(key: string, text: string, readers: readonly EnvReader[]): Line {
  const raw = readers.includes('podman');
  const objections = readers.flatMap((reader) => {
    const reason = OBJECTIONS[reader](key, text, raw);
    return reason === undefined ? [] : [`${READER_NAMES[reader]}: ${reason}`];
  });
  if (objections.length === 0) return { text: `${key}=${raw ? text : systemdQuoted(text)}` };
  // One of the two would do; which one reads the file is for the caller to know.
  const other =
    readers.length > 1 ? OTHERS.find((reader) => !OBJECTIONS[reader](key, text, reader === 'podman')) : undefined;
  const reason = objections.join('; ');
  if (other === undefined) return { reason };
  return { reason, hint: `\`--for ${other}\` prints it, if ${READER_NAMES[other]} is what reads the file` };
}

const OTHERS = ['podman', 'systemd'] as const;

const READER_NAMES: Readonly<Record<EnvReader, string>> = {
  podman: 'podman run --env-file',
  systemd: 'EnvironmentFile of systemd',
};

/** Podman reads by the line, into a buffer of this size. */
const LONGEST_PODMAN_LINE = 65_535;

const OBJECTIONS: Readonly<Record<EnvReader, (key: string, text: string, raw: boolean) => string | undefined>> = {
  podman: (key, text) => {
    // A name without `=` in it is taken as it is; what starts like a comment is one.
    if (key === '' || /^[#\s]|[=\n\r\0]/.test(key)) return 'cannot take its name';
    if (text.includes('\n')) return 'takes each line for a variable, so no newline in a value';
    if (text.endsWith('\r')) return 'cuts a carriage return at the end';
    if (byteLength(`${key}=${text}`) > LONGEST_PODMAN_LINE) return 'takes no line of 64 KiB';
    return tooMuch(key, text);
  },
  systemd: (key, text, raw) => {
    if (!isVariableName(key)) return 'cannot take its name';
    if (hasControl(text)) return 'takes a variable with control characters in some versions only';
    if (hasNoncharacter(text)) return 'refuses a file with characters that are none';
    if (raw && /\n/.test(text)) return 'takes a newline only between quotes, which podman would keep';
    if (raw && /\\/.test(text)) return 'takes a backslash for an escape, where podman takes it for itself';
    if (raw && /^['"]/.test(text)) return 'takes a quote at the start off, where podman keeps it';
    if (raw && /^[ \t]|[ \t]$/.test(text)) return 'cuts white space at the ends, which podman keeps';
    return tooMuch(key, text);
  },
};

/** Between double quotes, where systemd knows four escapes and takes everything else for itself. */
function systemdQuoted(text: string): string {
  return `"${text.replace(/["\\`$]/g, '\\$&')}"`;
}

function tooMuch(key: string, text: string): string | undefined {
  if (text.includes('\0')) return 'a variable cannot hold a NUL';
  return byteLength(`${key}=${text}`) > LONGEST_VARIABLE ? 'it is too long for a variable (128 KiB)' : undefined;
}

function unreadable({ value, why }: NamedValue, words: ProviderWords): Line {
  if (value) return { reason: 'its value is no UTF-8 text' };
  if (why) return { reason: why.message, hint: why.hint };
  return {
    reason: `${words.name} hides its value`,
    hint: `give the machine identity the right to read values (${words.rights.readValues}) of this path in ${words.name}, or of the one that it is imported from`,
  };
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
