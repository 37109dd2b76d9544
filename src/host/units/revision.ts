// Which rendering of the units a host has: they are written once, and an image is updated under them again and again.

import { PsiError } from '../../core/error.ts';
import { ownContainer } from '../command/own-container.ts';
import type { Scope } from '../../core/scope.ts';

/** Counts what hosts have to install anew: raised with every change of the units that one of them would miss. */
export const UNITS_REVISION = 3;

/** Before it, units checked psi's health by the exit status of `psi status`: one for each problem would keep psi.service from its start. */
const HEALTH_COMMAND = 2;

export function checkHealthByStatus(revision: number | undefined): boolean {
  return revision !== undefined && revision < HEALTH_COMMAND;
}

/** In psi.container: the units say it to the PSI that runs under them. */
export const REVISION_LINE = `Environment=PSI_UNITS=${String(UNITS_REVISION)}`;

/** Units as they were first rendered; who runs PSI as a user has a command of his own. */
export function renderCommand(scope: Scope): string {
  return scope === 'system' ? RENDER : 'psi systemd install --enable';
}

const RENDER = ownContainer('system', "$(podman inspect --format '{{.ImageName}}' psi) systemd install --enable");

/** After it: the socket takes the service with it. */
export function restartCommand(scope: Scope): string {
  return scope === 'system' ? 'systemctl restart psi.socket' : 'systemctl --user restart psi.socket';
}

/** Undefined: the units are those of this image, or there are none. */
export function otherUnits(revision: number | undefined, scope: Scope): PsiError | undefined {
  if (revision === undefined || revision === UNITS_REVISION) return undefined;
  const found = revision === 0 ? 'before revision 1' : `revision ${String(revision)}`;
  const ours = String(UNITS_REVISION);
  const render = renderHint(scope);
  if (revision < UNITS_REVISION)
    return new PsiError('HOST', `the units of this host are older than the image: ${found} of ${ours}`, {
      hint: render,
    });
  return new PsiError(
    'HOST',
    `the units of this host are newer than the image: ${found}, and this psi renders ${ours}`,
    {
      hint: `they stay as they are until somebody renders others; start the newer image again, or ${render}`,
    },
  );
}

function renderHint(scope: Scope): string {
  return scope === 'system'
    ? `run \`${RENDER}\`, then \`${restartCommand(scope)}\``
    : `render them anew as you did at first (\`${renderCommand(scope)}\`), then \`${restartCommand(scope)}\``;
}
