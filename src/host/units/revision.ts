// Which rendering of the units a host has: they are written once, and an image is updated under them again and again.

import { PsiError } from '../../core/error.ts';
import type { Scope } from '../../core/scope.ts';
import { userHint } from '../../core/text/user-hints.ts';

/** Counts what hosts have to install anew: raised with every change of the units that one of them would miss. */
export const UNITS_REVISION = 2;

/** Before it, units checked psi's health by the exit status of `psi status`: one for each problem would keep psi.service from its start. */
const HEALTH_COMMAND = 2;

export function checkHealthByStatus(revision: number | undefined): boolean {
  return revision !== undefined && revision < HEALTH_COMMAND;
}

/** In psi.container: the units say it to the PSI that runs under them. */
export const REVISION_LINE = `Environment=PSI_UNITS=${String(UNITS_REVISION)}`;

/** Units as they were first rendered. */
export function renderCommand(scope: Scope): string {
  return scope === 'system' ? RENDER : userHint(RENDER);
}

const RENDER =
  'podman run --rm --privileged --network=none --security-opt label=disable -v /etc:/etc -v /var/lib:/var/lib -v /run:/run ' +
  "$(podman inspect --format '{{.ImageName}}' psi) systemd install --enable";

/** Undefined: the units are those of this image, or newer ones, or there are none. */
export function olderUnits(revision: number | undefined, scope: Scope): PsiError | undefined {
  if (revision === undefined || revision >= UNITS_REVISION) return undefined;
  const found = revision === 0 ? 'before revision 1' : `revision ${String(revision)}`;
  const systemctl = scope === 'system' ? 'systemctl' : 'systemctl --user';
  const hint = `run \`${renderCommand(scope)}\`, then \`${systemctl} restart psi.socket\``;
  return new PsiError(
    'HOST',
    `the units of this host are older than the image: ${found} of ${String(UNITS_REVISION)}`,
    { hint },
  );
}
