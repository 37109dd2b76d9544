// Command lines that an import of a quadlet tells people to run: the same import once more, here or in a container that sees more.

import { credentialsFolder, folderOf, isBelow, type HostLayout } from '../../host/layout.ts';
import { shellWord } from '../../core/text/shell.ts';

export type QuadletCommand = {
  /** The group of commands that it is one of. */
  readonly group: string;
  readonly file: string;
  readonly project: string;
  readonly path: string;
  readonly environment: string | undefined;
  readonly resolveSecrets: boolean;
  readonly conflict: string;
  readonly rewrite: boolean;
};

/** Without the program's name. */
export function quadletArguments(command: QuadletCommand): string {
  const { group, file, project, path, environment, resolveSecrets, conflict, rewrite } = command;
  return [
    `${group} import quadlet`,
    shellWord(file),
    `--project ${shellWord(project)} --path ${shellWord(path)}`,
    ...(environment === undefined ? [] : [`--environment ${shellWord(environment)}`]),
    ...(resolveSecrets ? ['--resolve-secrets'] : []),
    ...(conflict === 'fail' ? [] : [`--conflict ${conflict}`]),
    ...(rewrite ? ['--rewrite'] : []),
  ].join(' ');
}

export type HostView = Pick<
  HostLayout,
  | 'scope'
  | 'configFile'
  | 'stateDir'
  | 'systemdDir'
  | 'podmanSocket'
  | 'caFiles'
  | 'secretFiles'
  | 'credentials'
  | 'runtimeDir'
> & { readonly image: string };

/** A container of its own that sees what the one of the service does for this command, and one file more. */
export function onHost(host: HostView, file: string, command: string): string {
  const folders = [host.stateDir, host.systemdDir, folderOf(host.podmanSocket)].map((path) => mount(path, path));
  const readOnly = [folderOf(host.configFile), ...host.caFiles, ...host.secretFiles, file];
  const mounts = readOnly.filter(
    (path, index) => !readOnly.slice(0, index).some((other) => isBelow(path, other)) && !isBelow(path, host.stateDir),
  );
  const credentials = [mount(credentialsFolder(host), '/run/psi-credentials', ':ro')];
  const user = ['--userns=keep-id', '-e HOME="$HOME"', '-e XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR"'];
  return [
    'podman run --rm --network=host --security-opt label=disable',
    ...(host.scope === 'user' ? user : []),
    ...(host.scope === 'user' || host.configFile !== '/etc/psi/config.yaml'
      ? [`-e PSI_CONFIG=${shellWord(host.configFile)}`]
      : []),
    ...folders,
    ...mounts.map((path) => mount(path, path, ':ro')),
    ...(host.credentials.length > 0 ? [...credentials, '-e PSI_CREDENTIALS_DIRECTORY=/run/psi-credentials'] : []),
    shellWord(host.image),
    command,
  ].join(' ');
}

function mount(from: string, to: string, options = ''): string {
  return `-v ${shellWord(`${from}:${to}${options}`)}`;
}
