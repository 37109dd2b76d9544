// Ports: one event per lookup, and one per other request that was refused. Never a value.

import type { Answer } from './answer.ts';
import type { Caller } from '../core/caller.ts';
import type { ErrorCode, PsiError } from '../core/error.ts';

export type LookupEvent = {
  readonly id: string;
  /** Podman's name for the id where PSI knows it. */
  readonly name: string | undefined;
  readonly provider: string | undefined;
  readonly caller: Caller;
  readonly source: Answer['source'] | undefined;
  readonly outcome: 'ok' | ErrorCode;
  readonly ms: number;
};

export type RefusedRequest = 'store' | 'delete' | 'list' | 'lookup' | 'other';

/** A request that was not carried out, and is no lookup that was answered with its own failure. Never what came as its body. */
export type RefusalEvent = {
  readonly request: RefusedRequest;
  /** As it came, made printable. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly caller: Caller;
  /** The program that asked, as it calls itself. */
  readonly agent: string | undefined;
  readonly error: PsiError;
};

export type AuditLog = {
  readonly lookup: (event: LookupEvent) => void;
};
