// The folders that systemd reads units from (systemd.unit(5)), in its order: what stands in an earlier one hides its namesake in a later one.

import { folderOf, runtimeFolder, type HostLayout } from './layout.ts';

/** Quadlets become units in a folder between the two. */
export type UnitFolders = { readonly beforeGenerated: readonly string[]; readonly afterGenerated: readonly string[] };

export function unitFolders(layout: Pick<HostLayout, 'scope' | 'unitDir' | 'home' | 'runtimeDir'>): UnitFolders {
  return layout.scope === 'system' ? SYSTEM : foldersOfUser(layout);
}

const SYSTEM: UnitFolders = {
  beforeGenerated: [
    '/etc/systemd/system.control',
    '/run/systemd/system.control',
    '/run/systemd/transient',
    '/etc/systemd/system',
    '/etc/systemd/system.attached',
    '/run/systemd/system',
    '/run/systemd/system.attached',
  ],
  afterGenerated: ['/usr/local/lib/systemd/system', '/usr/lib/systemd/system'],
};

function foldersOfUser(layout: Pick<HostLayout, 'unitDir' | 'home' | 'runtimeDir'>): UnitFolders {
  const runtime = `${runtimeFolder(layout)}/systemd`;
  return {
    beforeGenerated: [
      `${folderOf(layout.unitDir)}/user.control`,
      `${runtime}/user.control`,
      `${runtime}/transient`,
      layout.unitDir,
      '/etc/xdg/systemd/user',
      '/etc/systemd/user',
      `${runtime}/user`,
      '/run/systemd/user',
    ],
    afterGenerated: [
      `${layout.home ?? ''}/.local/share/systemd/user`,
      '/usr/local/share/systemd/user',
      '/usr/share/systemd/user',
      '/usr/local/lib/systemd/user',
      '/usr/lib/systemd/user',
    ],
  };
}
