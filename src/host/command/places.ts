// Where the host's command goes, and what completes it in the shells of the host.

import { folderOf, type HostLayout } from '../layout.ts';
import { HOST_ROOT } from './own-container.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

export type CompletionPlace = { readonly shell: Shell; readonly path: string };

/** Paths as the host has them. */
export type CommandPlaces = {
  readonly command: string;
  /** Written where their folders are there: a host need not have each shell. */
  readonly completions: readonly CompletionPlace[];
};

export function commandPlaces({ scope, home = '', unitDir }: HostLayout): CommandPlaces {
  if (scope === 'system') return SYSTEM;
  // The user's units lie two folders below where fish and others have their settings.
  const config = folderOf(folderOf(unitDir));
  return {
    command: `${home}/.local/bin/psi`,
    completions: [
      { shell: 'bash', path: `${home}/.local/share/bash-completion/completions/psi` },
      { shell: 'fish', path: `${config}/fish/completions/psi.fish` },
    ],
  };
}

const SYSTEM: CommandPlaces = {
  command: '/usr/local/bin/psi',
  completions: [
    { shell: 'bash', path: '/etc/bash_completion.d/psi' },
    { shell: 'zsh', path: '/usr/local/share/zsh/site-functions/_psi' },
    { shell: 'fish', path: '/etc/fish/completions/psi.fish' },
  ],
};

/** Where PSI finds a path of the host. */
export function seen({ inImage, scope }: HostLayout, path: string): string {
  return inImage && scope === 'system' && path.startsWith(`${LOCAL}/`) ? `${HOST_ROOT}${path}` : path;
}

/** A folder of the host that only a mount brings to PSI; undefined: none. */
export function mounted(layout: HostLayout): string | undefined {
  const path = folderOf(seen(layout, `${LOCAL}/x`));
  return path === LOCAL ? undefined : path;
}

/** In the words of the host. */
export function asOnHost(text: string): string {
  return text.replaceAll(`${HOST_ROOT}${LOCAL}`, LOCAL);
}

const LOCAL = '/usr/local';
