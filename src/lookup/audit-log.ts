// Port: one event per driver request. Never a value.

import type { ErrorCode } from '../core/error.ts';

/** `stale`: from the cache and older than `cache.max_age`, because the provider failed. */
export type AnswerSource = 'live' | 'cache' | 'stale';

export type LookupEvent = {
  readonly id: string;
  /** Podman's name for the id where PSI knows it. */
  readonly name: string | undefined;
  readonly provider: string | undefined;
  readonly source: AnswerSource | undefined;
  readonly outcome: 'ok' | ErrorCode;
  readonly ms: number;
};

export type AuditLog = {
  readonly lookup: (event: LookupEvent) => void;
};
