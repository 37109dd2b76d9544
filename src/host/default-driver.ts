// containers.conf.d/psi.conf: PSI as the secret driver of everybody who names none. PSI itself does not need it, because it gives
// Podman the driver with each secret it registers.

import { PsiError } from '../core/error.ts';
import { movedAway } from '../core/text/shell.ts';
import type { DriverOptions } from '../registration/registered-secret.ts';

const MARK = '# Written by PSI (psi install --default-driver).';

export function defaultDriverText(options: DriverOptions): string {
  const { lookup, store, delete: remove, list } = options;
  const entries = Object.entries({ lookup, store, delete: remove, list }).map(
    ([key, command]) => `${key} = ${basicString(command)}`,
  );
  return [
    MARK,
    '# Remove this file to undo it.',
    '',
    '[secrets]',
    'driver = "shell"',
    '',
    '[secrets.opts]',
    ...entries,
    '',
  ].join('\n');
}

export function isPsiDefaultDriver(text: string): boolean {
  return text.startsWith(MARK);
}

/** What the operator has to know before other users of Podman find out (all of it seen with Podman 5.4). */
export const DEFAULT_DRIVER_NOTES: readonly string[] = [
  'every `podman secret create` on this host that names no driver now goes to psi, and fails unless its data is a mapping or `from_podman` of a sealed provider is on; others use `--driver file`',
  'this also applies to rootless users, whose `podman secret create` fails: the socket is for root alone',
  'secrets that are already registered keep their driver',
  'a podman.service that runs keeps its old configuration until it ends: `systemctl kill --signal=HUP podman.service`',
];

/** A TOML basic string: JSON escapes the same way, and paths hold no control characters. */
function basicString(text: string): string {
  return JSON.stringify(text);
}

/** One of the files that say what Podman does by default, in the order in which Podman reads them. */
export type ContainersConf = { readonly path: string; readonly text: string };

/**
 * Whose `shell` driver is the default of this host, if it is not PSI's own: every secret that names no driver goes to its commands. All files
 * that say so: with the last one gone, the one before it counts.
 */
export function foreignDefaultDriver(files: readonly ContainersConf[]): PsiError | undefined {
  const said = files.map((file) => ({ ...file, ...defaultDriverOf(file.text) }));
  const last = said.findLast(({ driver }) => driver !== undefined);
  const commands = said.findLast(({ lookup }) => lookup !== undefined) ?? last;
  if (last?.driver !== 'shell' || !commands || isPsiDefaultDriver(commands.text)) return undefined;
  const foreign = said.filter(
    ({ driver, lookup, text }) => (driver === 'shell' || lookup !== undefined) && !isPsiDefaultDriver(text),
  );
  const paths = foreign.map(({ path }) => path);
  return new PsiError(
    'HOST',
    `${paths.join(' and ')} ${paths.length === 1 ? 'makes' : 'make'} commands that are not psi's the default secret driver of this host: \`podman secret create\` without --driver fails, or stores elsewhere`,
    { hint: `look at ${paths.length === 1 ? 'it' : 'them'}, then move away: \`${movedAway(paths, '.away')}\`` },
  );
}

/** In one line, for a report which it does not keep from its work. */
export function driverNote({ message, hint = '' }: PsiError): string {
  return `${message}; ${hint}`;
}

type Said = { readonly driver: string | undefined; readonly lookup: string | undefined };

/** `driver` and the lookup command of `[secrets]`; undefined: the file does not say. Podman takes the names in any case. */
function defaultDriverOf(text: string): Said {
  const settings = new Map<string, string>();
  let section: readonly string[] = [];
  for (const line of text.split('\n')) {
    const header = /^\s*\[\s*([^[\]]+?)\s*\]/.exec(line)?.[1];
    if (header !== undefined) section = keyOf(header);
    const [, key, value = ''] = /^\s*([A-Za-z0-9_."' \t-]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    for (const [path, found] of valuesOf([...section, ...keyOf(key)], value)) settings.set(path.join('.'), found);
  }
  return { driver: settings.get('secrets.driver'), lookup: settings.get('secrets.opts.lookup') };
}

function keyOf(text: string): readonly string[] {
  return text.split('.').map((part) => part.replaceAll(/["'\s]/g, '').toLowerCase());
}

type Setting = readonly [path: readonly string[], value: string];

/** Of a line: a string, or the strings of a table that is written within it. */
function valuesOf(path: readonly string[], text: string): readonly Setting[] {
  const value = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/.exec(text);
  if (value) return [[path, value[1] ?? value[2] ?? '']];
  if (!text.startsWith('{')) return [];
  const members = text.slice(1).matchAll(/([A-Za-z0-9_."'-]+)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|\{.*)/g);
  return [...members].flatMap(([, key = '', member = '']) => valuesOf([...path, ...keyOf(key)], member));
}
