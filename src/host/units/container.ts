// The text of psi.container, the quadlet that PSI runs in.

import { backendContainerLines, backendServiceLines, backendUnits } from './cache.ts';
import { credentialContainerLines, credentialUnits } from './credentials.ts';
import { PsiError } from '../../core/error.ts';
import { unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { printable } from '../../core/naming.ts';
import { PLACE_VARIABLES, type Places } from '../../core/places.ts';
import { mountLines, mountServiceLines, mountUnitLines } from './mounts.ts';
import { REVISION_LINE } from './revision.ts';
import { startMarkerLines } from './start-marker.ts';
import { unitFile } from './unit-file.ts';

export type ContainerOptions = {
  readonly image: string;
  /** The least rights that work, instead of --privileged. */
  readonly unprivileged: boolean;
};

export const DEFAULT_IMAGE = 'localhost/psi:latest';

/** The one that runs after an installed unit's text; the default where there is none. */
export function imageInUse(unit: string | undefined): string {
  return imageOf(unit ?? '') ?? DEFAULT_IMAGE;
}

/** The image of a psi.container that is already there. */
export function imageOf(text: string): string | undefined {
  return /^Image=(\S+)$/m.exec(text)?.[1];
}

/** Does it run without --privileged? */
export function isUnprivileged(text: string): boolean {
  return !/^PodmanArgs=--privileged$/m.test(text);
}

export function containerUnit(layout: HostLayout, options: ContainerOptions, target: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(options.image)) {
    throw new PsiError('USAGE', `"${printable(options.image)}" is no image reference`, {
      hint: 'psi systemd install --image registry.example.com/psi:1.0',
    });
  }
  // By the lookup helper of the image: a Node process each half minute would cost more than all the lookups.
  const health = `psi-lookup health --socket ${unitPath(layout, layout.socket)} --max-time 5`;
  const beside = ['podman.socket', ...credentialUnits(layout), ...backendUnits(layout)];
  return unitFile('psi.container', [
    [
      'Unit',
      [
        'Description=PSI: secrets for Podman containers',
        '# Required, so that restarting the socket restarts PSI: systemd refuses it while PSI holds the old one.',
        'Requires=psi.socket',
        '# Wanted and no more: PSI serves without them.',
        `Wants=${beside.join(' ')}`,
        `After=${['psi.socket', ...beside].join(' ')}`,
        ...mountUnitLines(layout),
        'StartLimitIntervalSec=0',
      ],
    ],
    [
      'Container',
      [
        'ContainerName=psi',
        `Image=${options.image}`,
        'Network=host',
        ...rights(layout, options),
        ...environment(layout),
        '# Which rendering this is: `psi status` tells when an image wants a newer one.',
        REVISION_LINE,
        ...PROXY,
        ...mountLines(layout),
        ...credentialContainerLines(layout),
        ...backendContainerLines(layout, options.unprivileged),
        // In user scope ExecStartPost= waits for that: see start-marker.ts.
        ...(layout.scope === 'system' ? ['Notify=healthy'] : []),
        `HealthCmd=${health}`,
        'HealthInterval=30s',
        'HealthTimeout=10s',
        '# Without it a first failure waits a whole HealthInterval.',
        `HealthStartupCmd=${health}`,
        'HealthStartupInterval=1s',
        'HealthStartupTimeout=10s',
        'StopTimeout=4',
        '# Its memory holds values: none of it is written anywhere when it crashes.',
        'Ulimit=core=0:0',
      ],
    ],
    ['Service', service(layout)],
    ['Install', [`WantedBy=${target}`]],
  ]);
}

function rights(layout: HostLayout, options: ContainerOptions): readonly string[] {
  // The bus knows the peer by its uid on the host, so inside the container PSI has to be the same user.
  const user = layout.scope === 'user' ? ['UserNS=keep-id'] : [];
  if (!options.unprivileged) return [...user, 'PodmanArgs=--privileged'];
  return [
    ...user,
    '# Podman.sock and the system bus are closed to SELinux container types.',
    'SecurityLabelDisable=true',
    'DropCapability=all',
    'NoNewPrivileges=true',
    'ReadOnly=true',
  ];
}

function environment(layout: HostLayout): readonly string[] {
  const lines: string[] = [];
  if (layout.scope === 'user') lines.push('Environment=HOME=%h', 'Environment=XDG_RUNTIME_DIR=%t');
  if (layout.scope === 'user' || layout.configFile !== '/etc/psi/config.yaml') {
    lines.push(`Environment=PSI_CONFIG=${unitPath(layout, layout.configFile)}`);
  }
  return [...lines, ...places(layout)];
}

function places(layout: HostLayout): readonly string[] {
  const names = Object.keys(PLACE_VARIABLES) as readonly (keyof Places)[];
  return [
    '# Of the config: where PSI finds its files and sockets while it cannot read that.',
    ...names.map((place) => `Environment=${PLACE_VARIABLES[place]}=${unitPath(layout, layout[place])}`),
  ];
}

/** Podman hands these variables of its own environment into each container (`--http-proxy`): often there is nothing to write. */
const PROXY: readonly string[] = [
  "# Behind a proxy, where systemd's own environment does not name it (or `proxy:` in the config, which can hold a password):",
  '#Environment=HTTPS_PROXY=http://proxy.example.com:3128',
  '#Environment=NO_PROXY=.example.com,10.0.0.0/8',
];

/** StopTimeout is Podman's, from a stop to its SIGKILL; TimeoutStopSec systemd's, for each step of a stop. PSI has ended before both. */
const STOP: readonly string[] = [
  '# Until PSI serves, the main process is one of Podman that ignores SIGTERM: all are sent it, the init in the container among them.',
  'KillMode=control-group',
  'TimeoutStopSec=4500ms',
  '# The status of the init where it was ended before PSI served.',
  'SuccessExitStatus=143',
];

function service(layout: HostLayout): readonly string[] {
  return [
    ...mountServiceLines(layout),
    ...backendServiceLines(layout),
    ...startMarkerLines(layout),
    'Restart=always',
    'RestartSec=2',
    '# The first start may pull the image.',
    'TimeoutStartSec=300',
    ...STOP,
  ];
}
