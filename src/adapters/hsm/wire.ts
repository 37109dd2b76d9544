// What PSI and its HSM helper say to each other: one request, one answer. Over a pipe, so that PIN and key are in no argument, variable or
// file.

import type { TokenTarget } from '../../sealing/token-target.ts';

export type TokenRequest = { readonly target: TokenTarget } & (
  | { readonly op: 'inspect' }
  | { readonly op: 'login'; readonly login: Login }
  /** Wraps a block that protects nothing and has the token unwrap it. */
  | { readonly op: 'try'; readonly login: Login }
  /** Without a fingerprint the ciphertext does not say whose it is: only trying tells. */
  | { readonly op: 'unwrap'; readonly login: Login; readonly ciphertext: Uint8Array; readonly fingerprint?: string }
);

export type Login = {
  readonly pin: Uint8Array | undefined;
  /** Somebody is there and knows the PIN: log in although the token says that a wrong one was entered last. Never with the last try. */
  readonly force: boolean;
};

export type PublicKey = { readonly modulus: Uint8Array; readonly exponent: Uint8Array };

/** What the token says of itself, without a login. */
export type TokenFacts = {
  readonly label: string;
  readonly serial: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly slot: string;
  readonly pin: 'ok' | 'low' | 'last-try' | 'locked' | 'not-set' | 'not-needed';
  readonly oaep: boolean;
  /** Undefined: not to be seen without a login. */
  readonly publicKey: PublicKey | undefined;
};

export type TokenAnswer =
  | { readonly ok: true; readonly facts: TokenFacts; readonly publicKey?: PublicKey; readonly dataKey?: Uint8Array }
  | { readonly ok: false; readonly failure: TokenFailure };

/** How far it came. */
export type Step = 'module' | 'initialize' | 'token' | 'session' | 'key' | 'login' | 'decrypt' | 'try';

/** `why` is the name of a PKCS#11 result (CKR_...) or one of PSI's own words for what no result says. */
export type TokenFailure = {
  readonly step: Step;
  readonly why: string;
  /** Other tokens or keys that are there, by label: for the hint. */
  readonly seen: readonly string[];
};
