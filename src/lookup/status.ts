// What the service knows about itself, for `psi status`: counts and the last failures, never a value.

import type { PsiError } from '../core/error.ts';
import { isoTime } from '../core/time.ts';
import type { LookupEvent } from './audit-log.ts';
import type { Clock } from '../core/clock.ts';

export type ServiceStatus = {
  readonly version: string;
  readonly upSeconds: number;
  readonly mappings: number;
  readonly lookups: { readonly ok: number; readonly failed: number };
  readonly lastFailures: readonly {
    readonly at: string;
    readonly id: string;
    readonly name: string | null;
    readonly message: string;
  }[];
  readonly lastSetup: { readonly at: string; readonly changes: number; readonly failures: number } | null;
};

/** What the board takes from the report of a setup. */
export type SetupCounts = {
  readonly dryRun: boolean;
  readonly changes: readonly unknown[];
  readonly failures: readonly unknown[];
  readonly problems: readonly unknown[];
};

const KEPT_FAILURES = 5;

export class StatusBoard {
  readonly #clock: Clock;
  readonly #mappings: { readonly size: number };
  readonly #version: string;
  readonly #startedAt: number;
  readonly #failures: ServiceStatus['lastFailures'][number][] = [];
  #ok = 0;
  #failed = 0;
  #lastSetup: ServiceStatus['lastSetup'] = null;

  constructor(deps: { readonly clock: Clock; readonly mappings: { readonly size: number }; readonly version: string }) {
    this.#clock = deps.clock;
    this.#mappings = deps.mappings;
    this.#version = deps.version;
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

  setup(report: SetupCounts): void {
    if (report.dryRun) return;
    this.#lastSetup = {
      at: this.#at(),
      changes: report.changes.length,
      failures: report.failures.length + report.problems.length,
    };
  }

  read(): ServiceStatus {
    return {
      version: this.#version,
      upSeconds: (this.#clock.monotonic() - this.#startedAt) / 1000,
      mappings: this.#mappings.size,
      lookups: { ok: this.#ok, failed: this.#failed },
      lastFailures: this.#failures,
      lastSetup: this.#lastSetup,
    };
  }

  #at(): string {
    return isoTime(this.#clock.now());
  }
}
