// Port: a secrets manager that secrets are written to. Imports alone use it; a running service never writes.
//
// Failure meaning (PsiError codes; nothing else may leave an implementation):
//   PLACE_NOT_FOUND  the project, the environment or, for secrets, the folder is not there.
//   NOT_FOUND        `overwrite`: one of the secrets has gone, on servers that do not make it again. Nothing of the batch was written.
//   CONFLICT         `create`: at least one of the keys exists. Nothing of the batch was written.
//   BAD_REQUEST      the server takes no such folder, name or value, in its own words; what a value refers to is not there, or may not be
//                    seen by the identity. Nothing of the batch was written.
//   PROVIDER_DENIED  the identity is refused (login or permission). Not transient.
//   PROVIDER_DOWN    refused, reset, TLS failure, 5xx, an answer that is no answer. The batch may have been written: look before trying again.
//   THROTTLED        the limit of the server; `retryAfterMs` if it named one. Nothing of the batch was written.
//   CONFIG_INVALID   the credential cannot be read where the config says it is.
//   DEADLINE         the signal aborted with a timeout before an answer came. The batch may have been written.

import type { PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Place } from './secret-source.ts';

export type SecretToWrite = { readonly key: string; readonly value: SecretValue };

/** `refuse`: the server would not take it, or not keep it byte for byte. `warn`: it would, and may hand out something else. */
export type Objection = { readonly kind: 'refuse' | 'warn'; readonly reason: string; readonly hint: string };

/**
 * What became of a batch. `altered`: keys of which the server says that it keeps another value than it was given. `approval`: a policy holds
 * the batch back; nothing is written until somebody approves the request of this name, and until then the old values (or none) are read.
 * `failed`: the server failed on it, and what one of its values refers to can be why; it may have been written.
 */
export type BatchOutcome =
  | { readonly kind: 'written'; readonly altered: readonly string[] }
  | { readonly kind: 'approval'; readonly request: string }
  | { readonly kind: 'failed'; readonly error: PsiError };

export type SecretWriter = {
  /** What speaks against writing a secret. Asks nobody. */
  readonly objection: (secret: SecretToWrite) => Objection | undefined;
  /** The keys of the same place that a value refers to; undefined: it refers to nothing anywhere. Asks nobody. */
  readonly references: (place: Place, secret: SecretToWrite) => readonly string[] | undefined;
  /** Divides secrets into batches that a request can carry, in their order. */
  readonly batches: (secrets: readonly SecretToWrite[]) => readonly (readonly SecretToWrite[])[];
  /** Makes a folder and its parents. Idempotent; `/` is always there. */
  readonly ensureFolder: (place: Place, signal: AbortSignal) => Promise<void>;
  /** One batch of new secrets, all or none. */
  readonly create: (place: Place, batch: readonly SecretToWrite[], signal: AbortSignal) => Promise<BatchOutcome>;
  /** One batch of new values for secrets that exist, all or none. */
  readonly overwrite: (place: Place, batch: readonly SecretToWrite[], signal: AbortSignal) => Promise<BatchOutcome>;
};
