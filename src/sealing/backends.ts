// The backends by their tags: what makes the keys of each, and what one of them offers beside wrapping and unwrapping.

import type { PsiError } from '../core/error.ts';
import type { Backend, KeyWrapper } from './key-wrapper.ts';

/** One line of a preflight: what was found, and what is wrong with it. */
export type Check = { readonly name: string; readonly found: string; readonly problem: PsiError | undefined };

/** The keys of a token: it takes a PIN, which people put right by hand. */
export type TokenKeys = KeyWrapper & {
  readonly backend: 'hsm';
  /** Everything that unwrapping needs, in the order in which it fails; ends at the first that does. The PIN is tried only with `login`. */
  readonly preflight: (options: { readonly login: boolean }) => Promise<readonly Check[]>;
  /** Logs in with the PIN and gets to know the token's key. */
  readonly init: () => Promise<unknown>;
};

export type Keys = TokenKeys | (KeyWrapper & { readonly backend: Exclude<Backend, 'hsm'> });

/** Makes the keys of each backend. No device is touched yet; fails with CONFIG_INVALID where the config does not say enough. */
export type KeyFactory = {
  readonly tpm: () => Keys;
  readonly hsm: () => TokenKeys;
  readonly credential: () => Keys;
};
