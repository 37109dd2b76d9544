// containers.conf.d/psi.conf: PSI as the secret driver of everybody who names none. PSI itself does not need it, because it gives
// Podman the driver with each secret it registers.

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
