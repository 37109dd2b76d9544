// The `psi` of the host, as text: it passes a command to the container of psi.service, and takes PSI from a host that has no image of it any
// more. POSIX sh: it has to run where nothing of PSI does.

import { shellWord } from '../../core/text/shell.ts';
import { helperPath } from '../../registration/driver-command/helper-call.ts';
import { folderOf, METRICS_FILE, runtimeFolder, type HostLayout } from '../layout.ts';
import { CALL } from './call.ts';
import type { CommandPlaces } from './places.ts';
import { ownContainer } from './own-container.ts';
import { UNINSTALL } from './uninstall.ts';

const MARK = '#!/bin/sh\n# Written by PSI (psi install).';

export function hostCommandText(layout: HostLayout, places: CommandPlaces): string {
  return [
    `${MARK} Changes here are overwritten.`,
    '# A command runs in the container of psi.service. What is about the whole host runs in one of its own, or right here where there is no image.',
    '',
    "# Of this host, as psi's config has it.",
    ...settings(layout, places),
    '',
    ...MAIN,
    CALL,
    UNINSTALL,
    'main "$@"',
    '',
  ].join('\n');
}

export function isPsiCommand(text: string): boolean {
  return text.startsWith(MARK);
}

/** For a host that has no folder for the command: a part of a shell's profile. */
export const SHELL_FUNCTION =
  'psi() { if [ -t 0 ] && [ -t 1 ]; then podman exec -it psi psi "$@"; else podman exec -i psi psi "$@"; fi; }';

function settings(layout: HostLayout, { command, completions }: CommandPlaces): readonly string[] {
  const user = layout.scope === 'user';
  const named = {
    quadlets: layout.systemdDir,
    units: layout.unitDir,
    default_driver: `${layout.containersConfDir}/psi.conf`,
    config: folderOf(layout.configFile),
    state: layout.stateDir,
    cache: layout.cache?.path ?? '',
    figures: layout.textfileDir === undefined ? '' : `${layout.textfileDir}/${METRICS_FILE}`,
    socket: layout.socket,
    runtime: runtimeFolder(layout),
    helper: helperPath(layout.helperDir),
    self: command,
  };
  return [
    ...Object.entries(named).map(([name, value]) => `${name}=${shellWord(value)}`),
    `completions=${shellWord(completions.map(({ path }) => path).join(' '))}`,
    `user=${user ? '--user' : ''}`,
    ...(user ? ['export XDG_RUNTIME_DIR="$runtime"'] : []),
    `own_container() { ${ownContainer(layout.scope, '-i $terminal "$@"')}; }`,
  ];
}

const MAIN: readonly string[] = [
  '# Podman asks `curl` before it lets a secret go: while psi is uninstalled this file is that, see remove_secrets.',
  '[ "${0##*/}" != curl ] || exit 0',
  '',
  'main() {',
  '  if [ -z "$user" ] && [ "$(id -u)" != 0 ]; then fail 77 "the psi of this host is root\'s" "sudo psi $*"; fi',
  '  terminal=',
  '  if [ -t 0 ] && [ -t 1 ]; then terminal=-t; fi',
  '  case ${1-} in',
  '    install | systemd | uninstall | migrate) whole_host "$@" ;;',
  '    *) call "$@" ;;',
  '  esac',
  '}',
  '',
  '# Exit status, what is wrong, what to do.',
  'fail() {',
  String.raw`  printf 'error: %s\nhint: %s\n' "$2" "$3" >&2`,
  '  exit "$1"',
  '}',
  '',
  'systemd() { systemctl $user "$@"; }',
  '',
];
