// The tokens that the driver socket accepts. While a setup moves secrets from one token to another, the old one and the new one are valid.

import type { SecretValue } from '../core/secret-value.ts';

export class AcceptedTokens {
  #tokens: readonly SecretValue[];

  constructor(token: SecretValue | undefined) {
    this.#tokens = only(token);
  }

  /** Empty: anybody who can open the socket. */
  get all(): readonly SecretValue[] {
    return this.#tokens;
  }

  /** This one too. A socket that asked for none stays open, and one that shall ask for none is opened: some registered secret sends none. */
  admit(token: SecretValue | undefined): void {
    this.#tokens = this.#tokens.length === 0 || token === undefined ? [] : [...this.#others(token), token];
  }

  /** This one alone: every registered secret sends it by now. */
  settle(token: SecretValue | undefined): void {
    this.#tokens = only(token);
  }

  /** A token once, however often a setup failed with it: each one is compared at every lookup. */
  #others(token: SecretValue): readonly SecretValue[] {
    const text = token.exposeText();
    return this.#tokens.filter((other) => other.exposeText() !== text);
  }
}

function only(token: SecretValue | undefined): readonly SecretValue[] {
  return token === undefined ? [] : [token];
}
