// What the service knows about itself, for `psi status`: counts and the last failures, never a value.

import type { PsiError } from '../core/error.ts';
import { isoTime } from '../core/time.ts';
import type { LookupEvent, RefusalEvent } from './audit-log.ts';
import type { Clock } from '../core/clock.ts';
import type { HostCurlStatus } from './host-curl.ts';

/** Something of PSI's own that is not as it should be, while it serves all the rest. */
export type ServiceProblem = {
  /** The secret that it is about, by name or id; null: all of them. */
  readonly subject: string | null;
  readonly message: string;
  readonly hint: string | null;
};

export type ServiceStatus = {
  readonly version: string;
  readonly upSeconds: number;
  readonly mappings: number;
  /** The first twenty. */
  readonly problems: readonly ServiceProblem[];
  readonly problemCount: number;
  /** That of the last request of the driver; null: none came since the start. */
  readonly hostCurl: HostCurlStatus | null;
  /** What the config says that works, if not as it was meant. */
  readonly notes: readonly string[];
  readonly lookups: { readonly ok: number; readonly failed: number };
  readonly lastFailures: readonly {
    readonly at: string;
    readonly id: string;
    readonly name: string | null;
    readonly message: string;
  }[];
  /** Requests of the driver's socket that were not carried out, beside lookups. */
  readonly refused: number;
  readonly lastRefusals: readonly {
    readonly at: string;
    readonly request: string;
    readonly id: string | null;
    readonly message: string;
  }[];
  readonly lastSetup: {
    readonly at: string;
    readonly changes: number;
    readonly failures: number;
    readonly outcome: 'done' | 'left' | 'failed';
  } | null;
  /** What setups left and the service tries again by itself. */
  readonly setupOwed: OwedSetup | null;
};

/** `workloads`: null for all of them. `nextTry`: null while it is being tried. */
export type OwedSetup = { readonly workloads: readonly string[] | null; readonly nextTry: string | null };

/** What the board takes from the report of a setup. */
export type SetupCounts = {
  readonly dryRun: boolean;
  readonly changes: readonly unknown[];
  readonly failures: readonly unknown[];
  readonly problems: readonly unknown[];
  readonly left: readonly unknown[];
  readonly outcome: 'done' | 'left' | 'failed';
};

const KEPT_FAILURES = 5;
const SHOWN_PROBLEMS = 20;

export type StatusDeps = {
  readonly clock: Clock;
  readonly mappings: { readonly size: number };
  readonly version: string;
  /** Those there are now. */
  readonly problems?: () => readonly ServiceProblem[];
  readonly hostCurl?: { readonly status: HostCurlStatus | undefined };
  readonly notes?: () => readonly string[];
  readonly setupOwed?: () => OwedSetup | null;
};

export class StatusBoard {
  readonly #clock: Clock;
  readonly #mappings: { readonly size: number };
  readonly #version: string;
  readonly #problems: () => readonly ServiceProblem[];
  readonly #hostCurl: StatusDeps['hostCurl'];
  readonly #notes: () => readonly string[];
  readonly #setupOwed: () => OwedSetup | null;
  readonly #startedAt: number;
  readonly #failures: ServiceStatus['lastFailures'][number][] = [];
  readonly #refusals: ServiceStatus['lastRefusals'][number][] = [];
  #refused = 0;
  #ok = 0;
  #failed = 0;
  #lastSetup: ServiceStatus['lastSetup'] = null;

  constructor(deps: StatusDeps) {
    this.#clock = deps.clock;
    this.#mappings = deps.mappings;
    this.#version = deps.version;
    this.#problems = deps.problems ?? ((): readonly ServiceProblem[] => []);
    this.#hostCurl = deps.hostCurl;
    this.#notes = deps.notes ?? ((): readonly string[] => []);
    this.#setupOwed = deps.setupOwed ?? ((): null => null);
    this.#startedAt = deps.clock.monotonic();
  }

  lookup(event: LookupEvent, error: PsiError | undefined): void {
    if (!error) {
      this.#ok += 1;
      return;
    }
    this.#failed += 1;
    this.#failures.push({ at: this.#at(), id: event.id, name: event.name ?? null, message: error.message });
    if (this.#failures.length > KEPT_FAILURES) this.#failures.shift();
  }

  refused({ request, id, name, error }: RefusalEvent): void {
    this.#refused += 1;
    this.#refusals.push({ at: this.#at(), request, id: name ?? id ?? null, message: error.message });
    if (this.#refusals.length > KEPT_FAILURES) this.#refusals.shift();
  }

  setup(report: SetupCounts): void {
    if (report.dryRun) return;
    this.#lastSetup = {
      at: this.#at(),
      changes: report.changes.length,
      failures: report.failures.length + report.problems.length + report.left.length,
      outcome: report.outcome,
    };
  }

  read(): ServiceStatus {
    const problems = this.#problems();
    return {
      version: this.#version,
      upSeconds: (this.#clock.monotonic() - this.#startedAt) / 1000,
      mappings: this.#mappings.size,
      problems: problems.slice(0, SHOWN_PROBLEMS),
      problemCount: problems.length,
      hostCurl: this.#hostCurl?.status ?? null,
      notes: this.#notes(),
      lookups: { ok: this.#ok, failed: this.#failed },
      lastFailures: this.#failures,
      refused: this.#refused,
      lastRefusals: this.#refusals,
      lastSetup: this.#lastSetup,
      setupOwed: this.#setupOwed(),
    };
  }

  #at(): string {
    return isoTime(this.#clock.now());
  }
}
