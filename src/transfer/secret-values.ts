// Port: the values of secrets that Podman itself holds. Imports alone ask for them, and never for PSI's own: Podman would run their
// lookup, and PSI would answer with what it has from the provider anyway.
//
// Failure meaning: HOST (Podman's API cannot be reached, or does not answer). What concerns one secret is in the answer.

import type { RegisteredSecret } from '../registration/registered-secret.ts';
import type { SecretValue } from '../core/secret-value.ts';

/** `reason`: why the exact bytes cannot be had, in lower case. */
export type HeldValue =
  | { readonly value: SecretValue; readonly reason?: undefined }
  | { readonly value?: undefined; readonly reason: string };

export type SecretValues = {
  /** Looked up by id, and only if it still has its name. */
  readonly read: (secret: RegisteredSecret) => Promise<HeldValue>;
};
