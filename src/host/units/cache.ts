// The units round the encrypted cache, as text: its refresh, the key that systemd decrypts, and the smart card daemon for hosts without one.

import type { Backend } from '../../sealing/key-wrapper.ts';
import { cacheKeyFolder, providerTitles, providerUnit, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { credentialLoad, DECRYPTION_BOUND, UNLIMITED, userDecryptionLines } from './credentials.ts';
import { unitFile } from './unit-file.ts';

export function refreshUnit(layout: HostLayout): string {
  const titles = providerTitles(layout);
  return unitFile(providerUnit(layout, 'refresh.service'), [
    [
      'Unit',
      [
        `Description=PSI: fetch the cached secrets anew from ${titles}`,
        `After=psi.service ${providerUnit(layout, 'setup.service')} network-online.target`,
        'Wants=psi.service network-online.target',
      ],
    ],
    [
      'Service',
      [
        `# Ends with 75 while ${titles} is down, and leaves the cache as it was. The timer tries again.`,
        'Type=oneshot',
        'ExecStart=podman exec psi psi cache refresh',
        'TimeoutStartSec=300',
      ],
    ],
  ]);
}

export function refreshTimer(layout: HostLayout): string {
  const { refresh } = layout;
  const interval = timeSpan(refresh.intervalMs);
  return unitFile(providerUnit(layout, 'refresh.timer'), [
    ['Unit', ['Description=PSI: keep the cached secrets fresh']],
    [
      'Timer',
      [
        '# Not right at boot: setup has just filled the cache then.',
        `OnActiveSec=${interval}`,
        `OnUnitActiveSec=${interval}`,
        `RandomizedDelaySec=${timeSpan(refresh.randomizedDelayMs)}`,
      ],
    ],
    ['Install', ['WantedBy=timers.target']],
  ]);
}

/** A unit of its own: a credential that cannot be decrypted stops its unit, and PSI has to serve without its cache then. */
export function cacheKeyUnit(layout: HostLayout, credential: string): string {
  return unitFile('psi-cache-key.service', [
    [
      'Unit',
      [
        'Description=PSI: the key of its cache, decrypted by systemd',
        '# PSI looks into the folder of this unit, so the key has to be there first.',
        'Before=psi.service',
        ...UNLIMITED,
      ],
    ],
    [
      'Service',
      [
        ...(layout.scope === 'system' ? keyHoldingLines(credential) : userKeyLines(layout, credential)),
        ...DECRYPTION_BOUND,
      ],
    ],
  ]);
}

function keyHoldingLines(credential: string): readonly string[] {
  return [
    '# systemd holds the key, in memory, for as long as a process of this unit runs: no longer (seen with 257).',
    'Type=exec',
    'ExecStart=sleep infinity',
    `LoadCredentialEncrypted=${credentialLoad(credential)}`,
  ];
}

function userKeyLines(layout: HostLayout, credential: string): readonly string[] {
  return userDecryptionLines(layout, cacheKeyFolder(layout), credential);
}

/** For hosts that have no pcscd of their own: theirs would be replaced by it. */
export function pcscdUnit(image: string, target: string): string {
  return unitFile('pcscd.container', [
    [
      'Unit',
      ['Description=PSI: the smart card daemon, for an HSM behind a card reader or on USB', 'Before=psi.service'],
    ],
    [
      'Container',
      [
        'ContainerName=psi-pcscd',
        `Image=${image}`,
        'Entrypoint=/usr/sbin/pcscd',
        '# Whoever can open the socket is root on this host: there is nobody for polkit to ask.',
        'Exec=--foreground --disable-polkit',
        '# Of the host, or udev does not tell it of a card that is plugged in later.',
        'Network=host',
        'PodmanArgs=--privileged',
        'Volume=/run/pcscd:/run/pcscd',
        'Volume=/run/udev:/run/udev:ro',
        'Volume=/dev/bus/usb:/dev/bus/usb',
      ],
    ],
    ['Service', ['ExecStartPre=-mkdir -p /run/pcscd /run/udev /dev/bus/usb', 'Restart=always', 'RestartSec=2']],
    ['Install', [`WantedBy=${target}`]],
  ]);
}

/** Lines of psi.container that the backends want in [Container]. */
export function backendContainerLines(layout: HostLayout, unprivileged: boolean): readonly string[] {
  const device = unprivileged ? layout.cache?.tpmDevice : undefined;
  return linesFor(layout, {
    tpm: device === undefined ? [] : deviceLines(unitPath(layout, device)),
    hsm: ['Volume=/run/pcscd:/run/pcscd'],
    credential: [
      `Volume=${unitPath(layout, cacheKeyFolder(layout))}:/run/psi-cache-key:ro`,
      'Environment=PSI_CACHE_KEY_DIRECTORY=/run/psi-cache-key',
    ],
  });
}

function deviceLines(device: string): readonly string[] {
  return [
    '# The dash: without a TPM PSI serves without its cache.',
    `AddDevice=-${device}`,
    '# The node belongs to the user or group tss, whose number differs from host to host.',
    'AddCapability=DAC_OVERRIDE',
  ];
}

/** And in [Service]. */
export function backendServiceLines(layout: HostLayout): readonly string[] {
  return linesFor(layout, {
    tpm: [],
    hsm: ['ExecStartPre=-mkdir -p /run/pcscd'],
    credential: [
      '# Without the key there is no such folder.',
      `ExecStartPre=-mkdir -p ${unitPath(layout, cacheKeyFolder(layout))}`,
    ],
  });
}

/** Units that PSI starts after, if they are there. */
export function backendUnits(layout: HostLayout): readonly string[] {
  return linesFor(layout, {
    tpm: [],
    hsm: ['pcscd.socket', 'pcscd.service'],
    credential: ['psi-cache-key.service'],
  });
}

function linesFor(layout: HostLayout, lines: Readonly<Record<Backend, readonly string[]>>): readonly string[] {
  return askedBackends(layout).flatMap((backend) => lines[backend]);
}

/** A token is reached in the same way, whatever it is asked for. */
function askedBackends({ cache, hsmToken }: HostLayout): readonly Backend[] {
  const backends = cache?.backends ?? [];
  return hsmToken && !backends.includes('hsm') ? [...backends, 'hsm'] : backends;
}

/** As systemd writes time spans: the largest unit that divides it. */
function timeSpan(ms: number): string {
  const [unit, size] = (
    [
      ['h', 3_600_000],
      ['min', 60_000],
      ['s', 1000],
    ] as const
  ).find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${String(ms / size)}${unit}`;
}
