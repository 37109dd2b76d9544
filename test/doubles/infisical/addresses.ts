// From where an identity may log in and use its tokens. Pure but for the list that Node keeps of addresses and networks.
import { BlockList, isIPv6 } from 'node:net';
import { ApiFailure } from './errors.ts';
import type { Traits } from './generations.ts';

/** Seen on June 2025 (row 14). July 2024 said less; read in its source. */
export function requireTrusted(
  trusted: readonly string[] | undefined,
  address: string | undefined,
  { invertedStatuses }: Traits,
): void {
  if (trusted === undefined || address === undefined || listOf(trusted).check(address, familyOf(address))) return;
  if (invertedStatuses) throw new ApiFailure('unauthorized', 'Failed to authenticate');
  throw new ApiFailure('forbidden', 'You are not allowed to access this resource from the current IP address');
}

function listOf(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of trusted) {
    const [address = '', prefix] = entry.split('/');
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
