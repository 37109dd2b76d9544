// `psi hsm preflight`: everything that unwrapping the cache's key needs, in the order in which it fails, each with what to run. The PIN
// is tried only if asked for, and then once: with it the token unwraps a test block. Without it that is said to be left out.

import { access, constants } from 'node:fs/promises';

import { PsiError, toPsiError } from '../../core/error.ts';
import { TEST_BLOCK, type Check, type TokenKeys } from '../../sealing/backends.ts';

export type PreflightOptions = {
  readonly module: string;
  /** Log in with the PIN and unwrap a test block. */
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
  return [...seen, ...(login ? await tried(wrapper) : [NOT_TRIED])];
}

const NOT_TRIED: Check = {
  name: 'decrypt',
  found: 'not tried, as it takes a login: `podman exec psi psi hsm preflight --login`',
  problem: undefined,
};

async function tried(wrapper: Pick<TokenKeys, 'init'>): Promise<readonly Check[]> {
  const loggedIn: Check = { name: 'login', found: 'the PIN is right and the key is there', problem: undefined };
  try {
    await wrapper.init();
    return [loggedIn, TEST_BLOCK];
  } catch (thrown) {
    const problem = toPsiError(thrown);
    if (problem.details['step'] !== 'try') return [{ name: 'login', found: 'failed', problem }];
    return [loggedIn, { name: 'decrypt', found: 'failed', problem }];
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
