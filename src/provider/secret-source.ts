// Port: a secrets manager that secrets are read from. One source serves all projects of one provider.
//
// Failure meaning (PsiError codes; nothing else may leave an implementation). `details.asked: false` where nobody was asked for it:
//   NOT_FOUND        authoritative: this very secret is not there, while its folder is. Not transient. The one answer for which PSI forgets.
//   PLACE_NOT_FOUND  the project, the environment or the folder is not there (or may not be seen): that may be a typo. Not transient.
//                    `details.missing` says which (`isMissingFolder`).
//   PROVIDER_DENIED  the identity is refused (login or permission, also of what a value refers to). Not transient.
//   VALUE_HIDDEN     it may be listed but its value may not be read.
//   PROVIDER_DOWN    refused, reset, TLS failure, 5xx, an answer that is no answer; `retry` says whether waiting can help.
//   THROTTLED        the limit of the server; `retryAfterMs` if it named one. `details.route` says what is limited (`list`, `get`,
//                    `folders`, `login`) where that may be another route than the one that was called.
//   ANSWER_TOO_LARGE what was asked for is more than may be in memory (`limits.answers`). Not transient, or `later` where others had the room.
//   CONFIG_INVALID   the credential cannot be read where the config says it is.
//   DEADLINE         the signal aborted with a timeout before an answer came.

import type { PsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';

/** A folder of one project. The environment belongs to the project's config, so it is not part of the place. */
export type Place = { readonly project: string; readonly path: string };

/** Where a secret lives that another folder imports. An environment is named as the provider names it. */
export type Origin = { readonly environment: string; readonly path: string };

export type SecretRef = Place & {
  readonly key: string;
  /** Where a listing said that it lives (`ListedSecret.from`): spares the question. */
  readonly from?: Origin;
};

export type ListedSecret = {
  readonly key: string;
  /** Where it is looked up: the listed path, for own and imported secrets; the sub-folder it lives in, for recursive listings. */
  readonly path: string;
  /** undefined: the server hides it from this identity, or values were not asked for, or it is `unsettled`. */
  readonly fetched: Fetched | undefined;
  /**
   * Its text looks like a reference that the server left as it is. It may be the value, or what stands there instead of a refusal: only a
   * single read tells. `fetched` is then what an earlier read said of this very text, if there was one.
   */
  readonly unsettled?: true;
  /** Known where it makes a single read cheaper. */
  readonly from?: Origin;
  /** It is there, and no lookup could ask for it by this path and key. */
  readonly objection?: { readonly reason: string; readonly hint: string };
};

export type ListOptions = {
  readonly recursive: boolean;
  readonly values: boolean;
  /** false: only what the place itself holds, which is what a write would meet. */
  readonly imports?: false;
  /**
   * With `values`: keys that the server leaves out of a list of values, because their values may not be read, are listed too. Costs a second
   * call where it may leave out any.
   */
  readonly everyName?: true;
  /** What is known of a secret from before, from a cache for one: spares single reads of texts that were found to be no references. */
  readonly known?: (key: string, path: string) => Fetched | undefined;
  readonly signal: AbortSignal;
};

export type SecretSource = {
  /**
   * All shared secrets of a place, imports merged in (own first, then the last import wins). At most one entry per (path, key).
   * A recursive listing may hold the same key under several paths. What one call answers was fetched at one moment: when its answer came.
   */
  readonly list: (place: Place, options: ListOptions) => Promise<readonly ListedSecret[]>;
  /**
   * One value, imports followed. A hidden value is VALUE_HIDDEN, never the placeholder; one with a reference that may not be read is
   * PROVIDER_DENIED, never its text.
   */
  readonly get: (ref: SecretRef, signal: AbortSignal) => Promise<Fetched>;
  /**
   * The names of the folders directly in a place, each once, as the server has them: they may be hostile. This alone tells whether a folder is
   * there: some servers list a missing one as an empty one. Empty where the place holds none, on some servers also where it is not there itself
   * (else PLACE_NOT_FOUND). Whether the identity may read what is in them it does not say.
   */
  readonly folders: (place: Place, signal: AbortSignal) => Promise<readonly string[]>;
};

/** What lookups, surveys and commands ask of it. */
export type SecretReads = Pick<SecretSource, 'list' | 'get'>;

/** Whoever writes makes a folder that is not there; of a project or an environment that would be a promise it cannot keep. */
export function isMissingFolder({ code, details }: PsiError): boolean {
  return code === 'PLACE_NOT_FOUND' && details['missing'] === 'folder';
}
