// Credentials of the config that nobody has made: the units that load them would fail at the next boot, and each by itself.

import { shellWord } from '../core/text/shell.ts';
import type { HostFiles } from './host-files.ts';
import type { HostLayout } from './layout.ts';

/** A line for each. One that cannot be looked at may be there. */
export async function missingCredentials(
  files: Pick<HostFiles, 'read'>,
  layout: Pick<HostLayout, 'scope' | 'home' | 'credentials' | 'cache'>,
): Promise<readonly string[]> {
  const { scope, home = '', credentials, cache } = layout;
  const store = scope === 'system' ? '/etc/credstore.encrypted' : `${home}/.config/credstore.encrypted`;
  const encrypt = `systemd-creds ${scope === 'system' ? '' : '--user '}encrypt`;
  const names = new Set([
    ...credentials,
    ...(cache?.backends.includes('credential') === true ? [cache.credential] : []),
  ]);
  const notes: string[] = [];
  for (const name of names) {
    const path = `${store}/${name}`;
    if ((await files.read(path).catch(() => '')) !== undefined) continue;
    const make = `${encrypt} --name=${shellWord(name)} - ${shellWord(path)}`;
    notes.push(`the credential ${name} of the config is not there: make it with \`${make}\``);
  }
  return notes;
}
