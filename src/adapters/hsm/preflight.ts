// `psi hsm preflight`: everything that unwrapping the cache's key needs, in the order in which it fails, each with what to run. The PIN
// is tried only if asked for, and then once.

import { access, constants } from 'node:fs/promises';

import { PsiError, toPsiError } from '../../core/error.ts';
import type { Check, TokenKeys } from '../../sealing/backends.ts';

export type PreflightOptions = {
  readonly module: string;
  /** Log in with the PIN and read the key, as unwrapping would. */
  readonly login: boolean;
};

/** Ends at the first check that fails: what comes after it cannot be told. */
export async function preflight(
  wrapper: Pick<TokenKeys, 'describe' | 'init'>,
  { module, login }: PreflightOptions,
): Promise<readonly Check[]> {
  const file = await moduleCheck(module);
  if (file.problem) return [file];
  const status = await wrapper.describe();
  const facts = [...status.facts].map(([name, found]) => ({ name, found, problem: undefined }));
  const seen: readonly Check[] = [file, ...facts];
  if (status.problem) return [...seen, { name: 'ready', found: 'no', problem: status.problem }];
  if (!login) return seen;
  try {
    await wrapper.init();
    return [...seen, { name: 'login', found: 'the PIN is right and the key is there', problem: undefined }];
  } catch (thrown) {
    return [...seen, { name: 'login', found: 'failed', problem: toPsiError(thrown) }];
  }
}

async function moduleCheck(module: string): Promise<Check> {
  try {
    await access(module, constants.R_OK);
    return { name: 'module', found: module, problem: undefined };
  } catch (cause) {
    const problem = new PsiError('KEY_UNAVAILABLE', `the PKCS#11 module ${module} is not there or not readable`, {
      hint: "install it (`opensc-pkcs11`, `libnss3`, the vendor's), or correct `module` under cache.hsm",
      details: { reason: 'absent' },
      cause,
    });
    return { name: 'module', found: 'missing', problem };
  }
}
