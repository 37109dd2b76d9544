// Port: one event per driver request. Never a value.

import type { AnswerSource } from '../cache/cache.ts';
import type { Caller } from '../core/caller.ts';
import type { ErrorCode } from '../core/error.ts';

export type LookupEvent = {
  readonly id: string;
  /** Podman's name for the id where PSI knows it. */
  readonly name: string | undefined;
  readonly provider: string | undefined;
  readonly caller: Caller;
  readonly source: AnswerSource | undefined;
  readonly outcome: 'ok' | ErrorCode;
  readonly ms: number;
};

export type AuditLog = {
  readonly lookup: (event: LookupEvent) => void;
};
