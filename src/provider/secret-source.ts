// Port: a secrets manager that secrets are read from. One source serves all projects of one provider.
//
// Failure meaning (PsiError codes; nothing else may leave an implementation):
//   NOT_FOUND        authoritative: the place or the secret is not there (or may not be seen). Not transient.
//   PROVIDER_DENIED  the identity is refused (login or permission). Not transient.
//   VALUE_HIDDEN     it may be listed but its value may not be read.
//   PROVIDER_DOWN    refused, reset, TLS failure, 5xx, an answer that is no answer; `retry` says whether waiting can help.
//   THROTTLED        the limit of the server; `retryAfterMs` if it named one.
//   CONFIG_INVALID   the credential cannot be read where the config says it is.
//   DEADLINE         the signal aborted with a timeout before an answer came.

import type { Fetched } from '../core/fetched.ts';

/** A folder of one project. The environment belongs to the project's config, so it is not part of the place. */
export type Place = { readonly project: string; readonly path: string };

export type SecretRef = Place & { readonly key: string };

export type ListedSecret = {
  readonly key: string;
  /** Where it is looked up: the listed path, for own and imported secrets; the sub-folder it lives in, for recursive listings. */
  readonly path: string;
  /** undefined: the server hides it from this identity, or values were not asked for. */
  readonly fetched: Fetched | undefined;
};

export type ListOptions = {
  readonly recursive: boolean;
  readonly values: boolean;
  /** false: only what the place itself holds, which is what a write would meet. */
  readonly imports?: false;
  readonly signal: AbortSignal;
};

export type SecretSource = {
  /**
   * All shared secrets of a place, imports merged in (own first, then the last import wins). At most one entry per (path, key).
   * A recursive listing may hold the same key under several paths. What one call answers was fetched at one moment: when its answer came.
   */
  readonly list: (place: Place, options: ListOptions) => Promise<readonly ListedSecret[]>;
  /** One value, imports followed. A hidden value is VALUE_HIDDEN, never the placeholder. */
  readonly get: (ref: SecretRef, signal: AbortSignal) => Promise<Fetched>;
};
