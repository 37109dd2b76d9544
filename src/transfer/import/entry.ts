// One thing to be imported: what any reader of old secrets (env files, Podman secrets, quadlets) hands to the import. Types only.

import type { SecretValue } from '../../core/secret-value.ts';

export type ImportEntry = {
  readonly key: string;
  readonly value: SecretValue;
  /** Where it was found, for messages: `FILE:LINE`, or `podman secret NAME`. */
  readonly from: string;
  /** What somebody should look at although it is imported. Never a value. */
  readonly note?: string;
};

/** What a reader found and cannot hand over unaltered; it stands in the report beside what is imported. */
export type RefusedEntry = {
  /** undefined: what stands there names no key, or what looks like one may be a part of a value. */
  readonly key: string | undefined;
  readonly from: string;
  readonly reason: string;
  readonly hint: string;
};

/** All that one file, or one set of secrets, holds. */
export type ImportSource = { readonly entries: readonly ImportEntry[]; readonly refused: readonly RefusedEntry[] };
