// What a test can turn while the double runs: latency, limits, outages, malformed answers, and queued failures.
// Values only; faults.ts acts on them, and refusing connections belongs to the listener.
import type { CallKind } from './call-log.ts';
import type { RateLimits } from './rate-limit.ts';
import type { UnreadableInList } from './read-request.ts';

/** `redis` and `database`: what is behind the server is down. Without Redis it does not answer at all; seen on June 2025 (row 34). */
export type Outage = 'none' | 'hang' | 'reset' | 'redis' | 'database';
export type Malformed = 'none' | 'html' | 'truncated' | 'cut-off' | 'wrong-shape' | 'empty';

export interface KnobValues {
  latencyMs: number;
  limits: RateLimits;
  /** false leaves the waiting time in the message only, as a server without the plugin's headers would. */
  retryAfterHeader: boolean;
  outage: Outage;
  /** Every answer carries this status (500, 502, 503, ...); 0 is off. */
  status: number;
  malformed: Malformed;
  /** Restricts latency, outage, status and malformed to these calls; empty means all. */
  only: readonly CallKind[];
  /** And to calls about these folders; empty means all. As a folder that makes the server fail: too large, or with a value that breaks it. */
  folders: readonly string[];
  /** Lists answer as if every folder were empty. */
  emptyLists: boolean;
  unreadableInList: UnreadableInList;
  /** Writes answer with an approval request and change nothing. */
  approvals: boolean;
  unknownRoutes: 'fastify' | 'html';
}

export type KnobSettings = { readonly [K in keyof KnobValues]?: KnobValues[K] | undefined };

export interface InjectedFailure {
  readonly status: number;
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Only calls of these kinds take the failure; absent means any. */
  readonly only?: readonly CallKind[] | undefined;
}

const DEFAULTS: KnobValues = {
  latencyMs: 0,
  limits: {},
  retryAfterHeader: true,
  outage: 'none',
  status: 0,
  malformed: 'none',
  only: [],
  folders: [],
  emptyLists: false,
  unreadableInList: 'refuse',
  approvals: false,
  unknownRoutes: 'fastify',
};

export class Knobs {
  readonly values: KnobValues = { ...DEFAULTS };
  readonly #queue: { readonly failure: InjectedFailure; left: number }[] = [];

  set(change: KnobSettings): void {
    const named = Object.entries(change).filter(([, value]: [string, unknown]) => value !== undefined);
    Object.assign(this.values, Object.fromEntries(named));
  }

  reset(): void {
    this.set(DEFAULTS);
    this.#queue.splice(0);
  }

  failNext(count: number, failure: InjectedFailure): void {
    this.#queue.push({ failure, left: count });
  }

  takeFailure(kind: CallKind): InjectedFailure | undefined {
    const entry = this.#queue.find(({ failure, left }) => left > 0 && includes(failure.only ?? [], kind));
    if (entry === undefined) return undefined;
    entry.left -= 1;
    return entry.failure;
  }

  affects(kind: CallKind, folder: unknown): boolean {
    const { only, folders } = this.values;
    return includes(only, kind) && (folders.length === 0 || folders.some((path) => path === folder));
  }
}

function includes(only: readonly CallKind[], kind: CallKind): boolean {
  return only.length === 0 || only.includes(kind);
}
