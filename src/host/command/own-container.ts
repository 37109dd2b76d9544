// A container of PSI's own for what is about the whole host: install, units, uninstall.

import type { Scope } from '../../core/scope.ts';

/** Where the image has the host's /usr/local: its own has the programs it is made of. */
export const HOST_ROOT = '/host';

/** Without it there is no way for the host's command. */
export const HOST_MOUNT = `-v /usr/local:${HOST_ROOT}/usr/local`;

/** `rest`: the image and its words, as they stand in a shell's line. */
export function ownContainer(scope: Scope, rest: string): string {
  return `podman run --rm ${(scope === 'system' ? SYSTEM : USER).join(' ')} ${rest}`;
}

const SYSTEM: readonly string[] = [
  '--privileged',
  '--network=none',
  '--security-opt label=disable',
  ...['/etc', '/var/lib', '/run'].map((folder) => `-v ${folder}:${folder}`),
  HOST_MOUNT,
];

const USER: readonly string[] = [
  '--network=none',
  '--userns=keep-id',
  '--security-opt label=disable',
  '-e HOME -e XDG_RUNTIME_DIR',
  '-v "$HOME:$HOME" -v "$XDG_RUNTIME_DIR:$XDG_RUNTIME_DIR"',
];
