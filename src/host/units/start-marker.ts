// Lines of psi.container that count its failed starts: where the container itself cannot start, nothing of PSI is there to say so. The file
// they leave is what the driver's command prints to whoever waits in vain; `psi serve` removes it once it listens.

import { folderOf, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';

/** In a row, before it is said: the first may be a host that is still booting. */
const TOLERATED = 2;

/** With Notify=healthy rootless Podman says READY=1 and ends: a busy systemd finds nobody any more who said it, and the start has no end. */
const HEALTHY = 'podman wait --condition=healthy psi >/dev/null && podman container exists psi && ';
const HEALTHY_COMMENT: readonly string[] = [
  '# Active means healthy. Notify=healthy would say it, but a busy systemd of a user may lose it: rootless podman ends with it.',
];

export function startMarkerLines(layout: HostLayout): readonly string[] {
  const folder = unitPath(layout, folderOf(layout.socket));
  const journal = `journalctl${layout.scope === 'system' ? '' : ' --user'} -u psi.service`;
  const count = [
    // A stop that somebody asked for is none.
    '[ "$$SERVICE_RESULT" != success ] || exit 0',
    `mkdir -p -m 0700 ${folder} && cd ${folder} || exit 0`,
    'n=$$(cat starts 2>/dev/null)',
    // It had started, and ended later.
    '[ "$$n" != up ] || exec rm -f starts',
    'n=$$(($$n+1)); echo $$n >starts',
    `[ $$n -gt ${String(TOLERATED)} ] || exit 0`,
    `{ echo "psi.service failed to start $$n times in a row ($$SERVICE_RESULT $$EXIT_STATUS)"; echo "${journal}"; } >.start-failed`,
    'chmod 644 .start-failed && mv -f .start-failed start-failed',
  ].join('; ');
  return [
    '# Three failed starts in a row leave the reason in start-failed, beside the socket: lookups show it.',
    ...(layout.scope === 'system' ? [] : HEALTHY_COMMENT),
    `ExecStartPost=-sh -c '${layout.scope === 'system' ? '' : HEALTHY}echo up >${folder}/starts'`,
    `ExecStopPost=-sh -c '${count}'`,
  ];
}
