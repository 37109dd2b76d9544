// The units PSI itself runs under, as text. `quadlet/` holds the same for the default config (a test compares them).
// Nothing here may order PSI after a workload: workloads are ordered after its setup unit, and that after PSI.

import { cacheKeyUnit, pcscdUnit, refreshTimer, refreshUnit } from './cache.ts';
import { containerUnit } from './container.ts';
import { CREDENTIAL_UNIT, credentialUnit, UNLIMITED } from './credentials.ts';
import type { ContainerOptions } from './container.ts';
import { providerTitles, providerUnit, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { certificateRenewTimer, certificateRenewUnit } from './certificates.ts';
import { unitFile } from './unit-file.ts';

export type HostUnit = {
  readonly name: string;
  readonly kind: 'quadlet' | 'systemd';
  readonly text: string;
  /** The target that pulls it in at boot. Quadlets do that themselves: `systemctl enable` refuses generated units. */
  readonly wantedBy: string | undefined;
};

export type HostUnitOptions = ContainerOptions & {
  /** The smart card daemon too. */
  readonly pcscd: boolean;
};

export function hostUnits(layout: HostLayout, options: HostUnitOptions): readonly HostUnit[] {
  const { cache } = layout;
  const target = layout.scope === 'system' ? 'multi-user.target' : 'default.target';
  return [
    { name: 'psi.socket', kind: 'systemd', text: socketUnit(layout), wantedBy: 'sockets.target' },
    quadlet('psi.container', containerUnit(layout, options, target)),
    systemdUnit(CREDENTIAL_UNIT, credentialUnit(layout)),
    {
      name: providerUnit(layout, 'setup.service'),
      kind: 'systemd',
      text: setupUnit(layout, target),
      wantedBy: target,
    },
    systemdUnit(providerUnit(layout, 'refresh.service'), refreshUnit(layout)),
    {
      name: providerUnit(layout, 'refresh.timer'),
      kind: 'systemd',
      text: refreshTimer(layout),
      wantedBy: cache && 'timers.target',
    },
    systemdUnit('psi-tls-renew.service', certificateRenewUnit(layout)),
    {
      name: 'psi-tls-renew.timer',
      kind: 'systemd',
      text: certificateRenewTimer(layout),
      wantedBy: layout.tls && 'timers.target',
    },
    ...(cache?.backends.includes('credential') === true
      ? [systemdUnit('psi-cache-key.service', cacheKeyUnit(layout, cache.credential))]
      : []),
    ...(options.pcscd ? [quadlet('pcscd.container', pcscdUnit(options.image, target))] : []),
  ];
}

function systemdUnit(name: string, text: string): HostUnit {
  return { name, kind: 'systemd', text, wantedBy: undefined };
}

function quadlet(name: string, text: string): HostUnit {
  return { name, kind: 'quadlet', text, wantedBy: undefined };
}

function socketUnit(layout: HostLayout): string {
  return unitFile('psi.socket', [
    [
      'Unit',
      [
        'Description=PSI: the socket that Podman asks for secrets',
        '# PSI restarts it where its path was lost, however often that happens.',
        ...UNLIMITED,
      ],
    ],
    [
      'Socket',
      [
        `ListenStream=${unitPath(layout, layout.socket)}`,
        'SocketMode=0600',
        'DirectoryMode=0700',
        '# Lookups wait here while PSI starts or restarts. The kernel caps it at net.core.somaxconn.',
        'Backlog=4096',
        '# A PSI that cannot start must not take its socket down with it: lookups would fail until somebody resets the unit.',
        'TriggerLimitIntervalSec=0',
        'RemoveOnStop=yes',
      ],
    ],
    ['Install', ['WantedBy=sockets.target']],
  ]);
}

/** Type=oneshot that stays active: each workload wants it, and must not run it again by starting. */
function setupUnit(layout: HostLayout, target: string): string {
  const [first, ...others] = layout.providers;
  return unitFile(providerUnit(layout, 'setup.service'), [
    [
      'Unit',
      [
        `Description=PSI: register the secrets of ${providerTitles(layout)} with Podman`,
        'Wants=psi.service network-online.target',
        'After=psi.service network-online.target',
        'StartLimitIntervalSec=0',
      ],
    ],
    [
      'Service',
      [
        'Type=oneshot',
        'RemainAfterExit=yes',
        '# Workloads are ordered after this unit. With --boot it ends when none of them lacks what its drop-in names, after 280 s at the latest;',
        '# what else there is to do goes on in psi.service.',
        `ExecStart=podman exec psi psi setup --boot${others.length === 0 ? ` --provider ${first.name}` : ''}`,
        'TimeoutStartSec=300',
        '# 4: something was left as it was. 78: the config was refused, nothing was changed. What every workload has it can start with.',
        'SuccessExitStatus=4 78',
        '# For a PSI that could not be asked. What its setup left, or could not do, PSI itself tries again.',
        'Restart=on-failure',
        'RestartSec=20',
        'RestartPreventExitStatus=1 64 74',
      ],
    ],
    ['Install', [`WantedBy=${target}`]],
  ]);
}
