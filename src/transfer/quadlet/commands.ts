// What an import of a quadlet tells people to run next, depending on where it runs itself.

import { onHost, quadletArguments, type HostView, type QuadletCommand } from './command-line.ts';

export type QuadletCommands = {
  /** The same import on the host, for a file that the container does not see; undefined: this is the host. */
  readonly elsewhere: (missing: string) => string | undefined;
  /** The same import once more, editing the quadlet. */
  readonly rewriteCommand: string;
};

export type CommandPlace = {
  readonly host: HostView;
  /** What Podman and others set in their containers. */
  readonly container: string | undefined;
};

export function quadletCommands(command: QuadletCommand, { host, container }: CommandPlace): QuadletCommands {
  const inContainer = container !== undefined;
  const again = quadletArguments({ ...command, conflict: 'skip', rewrite: true });
  return {
    elsewhere: (missing) =>
      inContainer
        ? `in the container only mounted folders are there; on the host: ${onHost(host, missing, quadletArguments(command))}`
        : undefined,
    rewriteCommand: `${inContainer ? 'podman exec psi psi' : 'psi'} ${again}`,
  };
}
