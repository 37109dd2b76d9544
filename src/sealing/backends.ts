// The backends by their tags: what makes the keys of each, and what one of them offers beside wrapping and unwrapping.

import type { PsiError } from '../core/error.ts';
import type { Backend, KeyWrapper } from './key-wrapper.ts';

/** One line of a preflight: what was found, and what is wrong with it. */
export type Check = { readonly name: string; readonly found: string; readonly problem: PsiError | undefined };

/** After one that the token has opened. */
export const TEST_BLOCK: Check = {
  name: 'decrypt',
  found: 'a test block was wrapped and unwrapped',
  problem: undefined,
};

/** The keys of a token: it takes a PIN, which people put right by hand. */
export type TokenKeys = KeyWrapper & {
  readonly backend: 'hsm';
  /**
   * Everything that unwrapping needs, in the order in which it fails; ends at the first that does. Only with `login` the PIN is tried, and a test
   * block unwrapped; what was left out is said.
   */
  readonly preflight: (options: { readonly login: boolean }) => Promise<readonly Check[]>;
  /** Logs in with the PIN, gets to know the token's key and unwraps a test block with it. */
  readonly init: () => Promise<unknown>;
};

export type Keys = TokenKeys | (KeyWrapper & { readonly backend: Exclude<Backend, 'hsm'> });

/** Makes the keys of each backend. No device is touched yet; fails with CONFIG_INVALID where the config does not say enough. */
export type KeyFactory = {
  readonly tpm: () => Keys;
  readonly hsm: () => TokenKeys;
  readonly credential: () => Keys;
};
