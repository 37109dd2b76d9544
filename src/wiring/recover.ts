// Wiring of `psi cache recover` and `psi sealed recover`: the part of them that is not the service's. Part of the composition root.

import { unwrapEachWithIdentities } from '../adapters/age/age.ts';
import { readIdentities } from '../adapters/age/identity-file.ts';
import type { SecretValue } from '../core/secret-value.ts';

export async function composeUnwrapping(
  file: string,
  wrappedKeys: readonly (readonly Uint8Array[])[],
): Promise<readonly (SecretValue | undefined)[]> {
  return unwrapEachWithIdentities(await readIdentities(file, process.stdin), wrappedKeys);
}
