// What a lookup asks for and what it gets.

import type { AnswerSource } from '../cache/cache.ts';
import type { Caller } from '../core/caller.ts';
import type { OwnMapping, StoredMapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';

export type Wanted = {
  /** As the caller names it: Podman's id. For messages and the audit; it may be anything. */
  readonly id: string;
  /** Undefined: nothing is registered under the id. */
  readonly mapping: StoredMapping | undefined;
  readonly caller: Caller;
};

/** Port: values that this host alone has, or that are encrypted in their mapping. */
export type OwnValues = {
  /**
   * Without a promise where it is in memory; undefined: the config has no provider of that name which keeps such values. NOT_FOUND:
   * there is none. KEY_UNAVAILABLE: what opens it is not there. CACHE_CORRUPT: nothing opens it.
   */
  readonly read: (mapping: OwnMapping) => SecretValue | Promise<SecretValue> | undefined;
};

export type Answer = {
  readonly value: SecretValue;
  /** `sealed`: this host itself, which alone has it. */
  readonly source: AnswerSource | 'sealed';
  /** Milliseconds since the provider's answer, whoever held the value meanwhile; undefined where that is not known. */
  readonly ageMs: number | undefined;
};
