// containers.conf.d/psi.conf: PSI as the secret driver of everybody who names none. PSI itself does not need it, because it gives
// Podman the driver with each secret it registers.

import { PsiError } from '../core/error.ts';
import { shellWord } from '../core/text/shell.ts';
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
  'every `podman secret create` on this host that names no driver now goes to psi, and fails unless its data is a mapping; others use `--driver file`',
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

/** Whose `shell` driver is the default of this host, if it is not PSI's own: every secret that names no driver goes to its commands. */
export function foreignDefaultDriver(files: readonly ContainersConf[]): PsiError | undefined {
  const last = files.findLast(({ text }) => defaultDriverOf(text) !== undefined);
  if (!last || defaultDriverOf(last.text) !== 'shell' || isPsiDefaultDriver(last.text)) return undefined;
  const { path } = last;
  return new PsiError(
    'HOST',
    `${path} makes commands that are not psi's the default secret driver of this host: \`podman secret create\` without --driver fails, or stores elsewhere`,
    { hint: `look at it, then move it away: \`mv ${shellWord(path)} ${shellWord(`${path}.away`)}\`` },
  );
}

/** `driver` of `[secrets]`; undefined: the file does not say. */
function defaultDriverOf(text: string): string | undefined {
  let section = '';
  let driver: string | undefined;
  for (const line of text.split('\n')) {
    section = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*(secrets\s*\.\s*driver|driver)\s*=\s*["']([^"']*)["']/.exec(line) ?? [];
    if (key !== undefined && (key === 'driver' ? section === 'secrets' : section === '')) driver = value;
  }
  return driver;
}
