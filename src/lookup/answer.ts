// What a lookup asks for and what it gets.

import type { AnswerSource } from '../cache/cache.ts';
import type { Caller } from '../core/caller.ts';
import type { Mapping } from '../core/mapping.ts';
import type { SecretValue } from '../core/secret-value.ts';

export type Wanted = {
  /** As the caller names it: Podman's id. For messages and the audit; it may be anything. */
  readonly id: string;
  /** Undefined: nothing is registered under the id. */
  readonly mapping: Mapping | undefined;
  readonly caller: Caller;
};

export type Answer = {
  readonly value: SecretValue;
  readonly source: AnswerSource;
  /** Milliseconds since the provider's answer, whoever held the value meanwhile; undefined where that is not known. */
  readonly ageMs: number | undefined;
};
