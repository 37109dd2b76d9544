// Wiring of `psi cache recover`: the part of it that is not the service's. Part of the composition root.

import { unwrapWithIdentities } from '../adapters/age/age.ts';
import { readIdentities } from '../adapters/age/identity-file.ts';
import type { SecretValue } from '../core/secret-value.ts';

export async function composeUnwrapping(
  file: string,
  wrappedKeys: readonly Uint8Array[],
): Promise<SecretValue | undefined> {
  return unwrapWithIdentities(await readIdentities(file, process.stdin), wrappedKeys);
}
