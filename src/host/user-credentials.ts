// What the systemd of a host can do with the credentials of an ordinary user, said before a unit fails over it.

import type { HostLayout } from './layout.ts';

/** From this version on systemd decrypts for the user who asks, and from the other a user's units load what is encrypted. */
const DECRYPTS = 256;
const LOADS = 258;

/** `askVersion`: the number of systemd's release; undefined: it could not be asked. Not asked where nobody wants a credential. */
export async function userCredentialNotes(
  { scope, credentials, cache }: HostLayout,
  askVersion: () => Promise<number | undefined>,
): Promise<readonly string[]> {
  if (scope === 'system' || (credentials.length === 0 && cache?.backends.includes('credential') !== true)) return [];
  return notesOf(await askVersion());
}

function notesOf(version: number | undefined): readonly string[] {
  if (version !== undefined && version >= LOADS) return [];
  if (version === undefined) {
    return [`systemd was not asked for its version: before ${String(DECRYPTS)} it decrypts no credential for a user`];
  }
  if (version < DECRYPTS) {
    return [
      `systemd ${String(version)} decrypts no credential for a user (${String(DECRYPTS)} does): give psi its secrets as {file: PATH}, ` +
        'mode 0600, and its cache another backend',
    ];
  }
  return [
    `systemd ${String(version)} cannot load an encrypted credential into a unit of a user (status 243; ${String(LOADS)} can): the units of ` +
      'psi have `systemd-creds decrypt --user` do it instead; put no LoadCredentialEncrypted= into one of yours',
  ];
}
