// A caller whose address is not trusted: no right and no new login helps, so it is told apart from both.

import type { ServerRefusal } from './codec.ts';

/** Seen on a server of 2025, at logins and at calls alike. */
export function isUntrusted(refusal: ServerRefusal | undefined): boolean {
  return /from the current IP address/i.test(refusal?.message ?? '');
}

/** `list`: as Infisical calls the list of addresses that refuses. */
export function trustHint(list: string, apiUrl: string): string {
  return `add the address that it sees to the ${list} of the identity in infisical; this host leaves with the one that \`curl -so /dev/null -w '%{local_ip}' ${apiUrl}/api/status\` prints, and behind NAT or a proxy it sees another one: its access log has it`;
}
