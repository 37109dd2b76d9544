// The units that keep certificates fresh, and what of psi.container lets PSI write them.

import { PsiError } from '../../core/error.ts';
import { looksFor } from '../../certificates/looks.ts';
import { folderOf, isBelow } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { printable } from '../../core/naming.ts';
import { unitFile } from './unit-file.ts';

export function certificateRenewUnit(layout: HostLayout): string {
  const { title, group } = layout.certifier;
  return unitFile('psi-tls-renew.service', [
    [
      'Unit',
      [
        'Description=PSI: renew the TLS certificates that are due',
        'Wants=psi.service network-online.target',
        'After=psi.service network-online.target',
      ],
    ],
    [
      'Service',
      [
        `# Ends with 75 while an order is on its way or ${title} is down: the next run goes on with it.`,
        'Type=oneshot',
        `ExecStart=podman exec psi psi ${group} tls renew`,
        '# It waits for orders and for hooks.',
        'TimeoutStartSec=1h',
      ],
    ],
  ]);
}

export function certificateRenewTimer({ tls }: HostLayout): string {
  const { calendar, spread, everyMs } = tls?.looks ?? looksFor(Infinity);
  const schedule = [
    ...(everyMs < DAY_MS ? ['# A certificate of this config lives too short for once a day.'] : []),
    `OnCalendar=${calendar}`,
    `RandomizedDelaySec=${spread}`,
    // Left alone, systemd may be a minute late.
    ...(everyMs <= MINUTES_MS ? ['AccuracySec=1s'] : []),
  ];
  return unitFile('psi-tls-renew.timer', [
    ['Unit', ['Description=PSI: look which TLS certificates are due']],
    ['Timer', [...schedule, '# A host that was off meanwhile catches up when it is back.', 'Persistent=true']],
    ['Install', ['WantedBy=timers.target']],
  ]);
}

const DAY_MS = 86_400_000;
const MINUTES_MS = 300_000;

/** Folders of the output, those in others left out. */
export function outputFolders({ tls }: HostLayout): readonly string[] {
  const folders = [...new Set((tls?.outputs ?? []).map(folderOf))].sort();
  for (const folder of folders) {
    // Over the image's own /etc or /usr PSI itself would not start.
    if (folder.lastIndexOf('/') > 0) continue;
    throw new PsiError('CONFIG_INVALID', `certificates cannot be written right into ${printable(folder)}`, {
      hint: 'psi.container would get that folder of the host in place of its own: use one below, such as /etc/pki/web',
    });
  }
  return folders.filter((folder) => !folders.some((other) => other !== folder && isBelow(folder, other)));
}
