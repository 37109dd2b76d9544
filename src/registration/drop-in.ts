// The text of a workload's drop-in. Names in it come from a remote system and root's systemd reads the result, so whatever could leave
// its word or its line is refused here once more (core/naming.ts has refused it before, key by key).

import { PsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import { claimOf, FILE_MODE, MAX_OWNER, type SecretUse } from '../core/workload.ts';

/** First line of every file PSI owns in the quadlet folder; a file without it is somebody else's. */
export const DROP_IN_MARK = '# Written by PSI (psi setup). Changes here are overwritten.';

export type DropInSecret = SecretUse & {
  /** Podman's name of the secret. */
  readonly name: string;
};

export type DropInInput = {
  readonly unit: string;
  readonly dependsOn: readonly string[];
  readonly secrets: readonly DropInSecret[];
  /** `Secret=` lines of the drop-in that is there, by Podman's name of the secret, taken over as they stand. */
  readonly kept?: SecretLines;
};

/** Is this text PSI's own? Compared without the sentence about changes, so that its wording may change. */
export function isPsiDropIn(text: string): boolean {
  return text.startsWith('# Written by PSI ');
}

/**
 * PSI's file in the folder of a unit. Podman merges drop-ins by their names: of two that are called the same only the one in the more specific
 * folder is read. What applies to one unit together (its own, its template's, those of `app-.container.d` for `app-web.container`) is named
 * differently, the broader first, so that the more specific one can add to it and takes nothing away.
 */
export function dropInFileName(unit: string): string {
  const [, stem = '', instance] = /^([^@]*)(?:@(.*))?\.container$/.exec(unit) ?? [];
  if (instance !== undefined && instance !== '') return INSTANCE_FILE;
  if (!stem.endsWith('-')) return DROP_IN_FILE;
  const dashes = String(stem.split('-').length - 1);
  return `49-secrets-prefix-${dashes}${instance === undefined ? '' : '@'}.conf`;
}

/** Of a plain unit and of a template; once of every unit. */
export const DROP_IN_FILE = '50-secrets.conf';
const INSTANCE_FILE = '51-secrets-instance.conf';

/**
 * `Wants=` and never `Requires=`: that would stop and restart the workload with PSI. A lookup waits in the socket's backlog while PSI
 * starts, but no longer than curl does: at the boot of a slow machine that is too short, so PSI, where it is starting too, comes first.
 */
export function dropInText(input: DropInInput): string {
  const words = (names: readonly string[]): string =>
    [...new Set([...names, ...input.dependsOn])].map((name) => unitWord(input.unit, name)).join(' ');
  const wants = words(['psi.socket']);
  const after = words(['psi.socket', 'psi.service']);
  const made = input.secrets.map((secret) => secretLine(input.unit, secret));
  // What the run knows of a secret goes before what was kept of it.
  const names = new Set(input.secrets.map(({ name }) => name));
  const claims = new Set(input.secrets.map(claimOf));
  const kept = [...(input.kept ?? [])].flatMap(([name, lines]) => (names.has(name) ? [] : lines));
  const beside = kept.filter((line) => !claims.has(claimOfLine(line)));
  const lines = [...new Set([...made, ...beside])].sort(byCodeUnit);
  return [DROP_IN_MARK, '', '[Unit]', `Wants=${wants}`, `After=${after}`, '', '[Container]', ...lines, ''].join('\n');
}

/** `Secret=` lines by Podman's name of the secret. */
export type SecretLines = ReadonlyMap<string, readonly string[]>;

/** Those of a drop-in that PSI wrote. */
export function secretLines(text: string): SecretLines {
  const lines = text.split('\n').flatMap((line) => {
    const name = /^Secret=([^,]+),/.exec(line)?.[1];
    return name === undefined ? [] : [{ name: plainWord(name), line }];
  });
  const byName = Map.groupBy(lines, ({ name }) => name);
  return new Map([...byName].map(([name, some]) => [name, some.map(({ line }) => line)]));
}

/** Of a line that PSI wrote; empty where it is none. */
function claimOfLine(line: string): string {
  const [, kind, target = ''] = /^Secret=[^,]+,type=(env|mount),target=([^,]+)/.exec(line) ?? [];
  return kind === 'env' || kind === 'mount' ? claimOf({ kind, target: plainWord(target) }) : '';
}

function plainWord(word: string): string {
  const escaped = /\\x([0-9a-f]{2})/g;
  const text = word.replace(escaped, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return text.replaceAll('%%', '%').replaceAll('$$', '$');
}

function secretLine(unit: string, secret: DropInSecret): string {
  const { name, kind, target, mode, uid, gid } = secret;
  const rights = { uid, gid, mode };
  const given = Object.entries(rights).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${String(value)}`],
  );
  if (kind === 'env' && given.length > 0) throw refused(unit, given.join());
  if (mode !== undefined && !FILE_MODE.test(mode)) throw refused(unit, mode);
  if (![uid, gid].every((id) => id === undefined || isOwner(id))) throw refused(unit, given.join());
  const file = kind === 'mount' && target.startsWith('/');
  const place = file ? pathWord(unit, target) : word(unit, target);
  return `Secret=${[word(unit, name), `type=${kind}`, `target=${place}`, ...given].join(',')}`;
}

function isOwner(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= MAX_OWNER;
}

// What no escape takes away: line ends, Podman's `,`, and blanks of other alphabets, at which quadlet trims a line.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const NO_PATH = /[\u0000-\u001f\u007f-\u009f,]|(?! )\s/;

/** An absolute target is the operator's own: no key of a provider holds a `/`. So what systemd's words know an escape for may stand in it. */
function pathWord(unit: string, path: string): string {
  if (NO_PATH.test(path) || !path.isWellFormed()) throw refused(unit, path);
  const escaped = path.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return escaped.replace(/[ "'\\`]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

// Line ends; systemd's quotes and escapes; Podman's `,` and `=`; blanks of any alphabet, at which quadlet splits or trims.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const BREAKS_OUT = /[\u0000-\u001f\u007f-\u009f\s,"'\\=`]/;

/** Quadlet hands `%` and `$` on to ExecStart=, where systemd expands them: doubled they mean themselves. */
function word(unit: string, text: string): string {
  if (text === '' || BREAKS_OUT.test(text) || !text.isWellFormed()) throw refused(unit, text);
  return text.replaceAll('%', '%%').replaceAll('$', '$$$$');
}

// `%i` and friends stay: the operator wrote the list, and a template's instance may order itself after the same instance of another.
const UNIT_NAME = /^(?:[A-Za-z0-9:_.@\\-]|%[A-Za-z%])+\.[a-z]+$/;

function unitWord(unit: string, name: string): string {
  if (!UNIT_NAME.test(name)) throw refused(unit, name);
  return name;
}

function refused(unit: string, text: string): PsiError {
  return new PsiError('HOST', `"${printable(text)}" cannot stand in the drop-in of ${printable(unit)}`, {
    hint: 'rename it at the provider, or leave it out with `exclude`',
  });
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
