// The text of psi.container, the quadlet that PSI runs in.

import { backendContainerLines, backendServiceLines, backendUnits, credentialLoad } from './cache.ts';
import { PsiError } from '../../core/error.ts';
import { folderOf, isBelow, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { printable } from '../../core/naming.ts';
import { PLACE_VARIABLES, type Places } from '../../core/places.ts';
import { outputFolders, outputServiceLines } from './certificates.ts';
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

export function containerUnit(layout: HostLayout, options: ContainerOptions, target: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(options.image)) {
    throw new PsiError('USAGE', `"${printable(options.image)}" is no image reference`, {
      hint: 'psi systemd install --image registry.example.com/psi:1.0',
    });
  }
  return unitFile('psi.container', [
    [
      'Unit',
      [
        'Description=PSI: secrets for Podman containers',
        '# Required, so that restarting the socket restarts PSI: systemd refuses it while PSI holds the old one.',
        'Requires=psi.socket',
        `Wants=${['podman.socket', ...backendUnits(layout)].join(' ')}`,
        `After=${['psi.socket', 'podman.socket', ...backendUnits(layout)].join(' ')}`,
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
        ...PROXY,
        ...volumes(layout),
        ...credentials(layout),
        ...backendContainerLines(layout, options.unprivileged),
        'Notify=healthy',
        'HealthCmd=psi status',
        'HealthInterval=30s',
        'HealthTimeout=10s',
        '# Without it a first failure waits a whole HealthInterval.',
        'HealthStartupCmd=psi status',
        'HealthStartupInterval=1s',
        'HealthStartupTimeout=10s',
        'StopTimeout=15',
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

function volumes(layout: HostLayout): readonly string[] {
  const folders = [folderOf(layout.socket), layout.stateDir, layout.systemdDir, folderOf(layout.podmanSocket)];
  const lines = folders.map((path) => volume(layout, path, false));
  const outputs = outputFolders(layout);
  // Podman takes one mount of a folder: certificates that are written beside the config make it writable.
  lines.push(volume(layout, folderOf(layout.configFile), !outputs.includes(folderOf(layout.configFile))));
  // A mounted socket file goes stale when the bus restarts, hence its folder; a user's bus lies in the runtime folder itself.
  const busFolder = folderOf(layout.dbusSocket);
  lines.push(volume(layout, busFolder === layout.runtimeDir ? layout.dbusSocket : busFolder, false));
  // Below the config's folder, which is mounted read-only, they want a mount of their own.
  for (const path of outputs) {
    const there =
      [...folders, busFolder].some((folder) => isBelow(path, folder)) || path === folderOf(layout.configFile);
    if (!there) lines.push(volume(layout, path, false));
  }
  const seen = [...folders, folderOf(layout.configFile)];
  for (const path of [...layout.caFiles, ...layout.secretFiles.map(rotating)]) {
    if (!seen.some((folder) => isBelow(path, folder))) lines.push(volume(layout, path, true));
  }
  // The control socket is made in a folder that, with keep-id, belongs to the container's root.
  if (layout.scope === 'user') lines.push(`Tmpfs=${unitPath(layout, folderOf(layout.controlSocket))}:mode=1777`);
  return [...new Set(lines)];
}

/** A secret file may be replaced by a rename, which a mounted file does not see: its folder, unless that is one such as /etc. */
function rotating(path: string): string {
  const folder = folderOf(path);
  return folder.lastIndexOf('/') > 0 ? folder : path;
}

function volume(layout: HostLayout, path: string, readOnly: boolean): string {
  const text = unitPath(layout, path);
  return `Volume=${text}:${text}${readOnly ? ':ro' : ''}`;
}

function service(layout: HostLayout): readonly string[] {
  return [
    '# Podman mounts no folder that is not there.',
    `ExecStartPre=mkdir -p ${unitPath(layout, folderOf(layout.configFile))}`,
    `ExecStartPre=mkdir -p -m 0700 ${unitPath(layout, layout.stateDir)}`,
    ...outputServiceLines(layout),
    ...backendServiceLines(layout),
    'Restart=always',
    'RestartSec=2',
    '# The first start may pull the image.',
    'TimeoutStartSec=300',
    ...loads(layout),
  ];
}

/** `{credential: NAME}` in the config: systemd decrypts into memory of its own, and the container sees that folder. */
function credentials(layout: HostLayout): readonly string[] {
  const lines = ['Volume=%d:/run/credentials:ro', 'Environment=CREDENTIALS_DIRECTORY=/run/credentials'];
  if (layout.credentials.length > 0) return lines;
  return [
    '# For `{credential: NAME}` in the config, with LoadCredentialEncrypted= below:',
    ...lines.map((line) => `#${line}`),
  ];
}

function loads(layout: HostLayout): readonly string[] {
  const line = (name: string): string => `LoadCredentialEncrypted=${credentialLoad(layout, name)}`;
  return layout.credentials.length === 0
    ? [`#${line(`${layout.providers[0].name}-client-secret`)}`]
    : layout.credentials.map(line);
}
