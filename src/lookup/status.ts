// What the service knows about itself, for `psi status`: counts and the last failures, never a value.

import type { ErrorCode, PsiError } from '../core/error.ts';
import { isoTime, isoTimeOrNull } from '../core/time.ts';
import type { LookupEvent, RefusalEvent } from './audit-log.ts';
import type { Clock } from '../core/clock.ts';
import { OF_ITS_OWN, type HostCurlStatus } from './host-curl.ts';

/** Something of PSI's own that is not as it should be, while it serves all the rest. */
export type ServiceProblem = {
  /** error: a start may meet it, now or after the next reboot. warning: it should be seen to. */
  readonly severity: 'error' | 'warning';
  /** The secret that it is about, by name or id; null: all of them. */
  readonly subject: string | null;
  readonly message: string;
  readonly hint: string | null;
};

/** The lookup helper on the host. */
export type HelperStatus = {
  readonly path: string;
  /** Null: there is none that works, or this PSI does not see its folder. */
  readonly version: string | null;
  /** Of the lookups that came by a command which tries it; null: none since it was placed, or since the start. */
  readonly lastLookupBy: 'helper' | 'curl' | null;
};

export type ServiceStatus = {
  /** The worst first, the first twenty. */
  readonly problems: readonly ServiceProblem[];
  readonly problemCount: number;
  readonly version: string;
  readonly upSeconds: number;
  readonly mappings: number;
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
    readonly hint: string | null;
  }[];
  readonly lastSetup: LastSetup | null;
  /** When a setup did all there was to do, since the start. */
  readonly lastGoodSetup: string | null;
  /** What setups left and the service tries again by itself. */
  readonly setupOwed: OwedSetup | null;
  /** Secrets that have driver commands of before, which the service replaces by itself; null: there are none, as far as is known. */
  readonly replacesOwed: OwedReplacesStatus | null;
};

export type LastSetup = {
  readonly at: string;
  readonly changes: number;
  readonly failures: number;
  readonly outcome: 'done' | 'left' | 'failed';
  /** Whom it failed, and why: the first twenty. */
  readonly failed: readonly FailedPart[];
  /** In Podman, and used by no workload any more: the first fifty. */
  readonly orphans: readonly string[];
};

/** `subject`: a workload, a unit or a secret; null where it concerns all of them. */
export type FailedPart = { readonly subject: string | null; readonly message: string; readonly hint: string | null };

/** `workloads`: null for all of them. `nextTry`: null while it is being tried. */
export type OwedSetup = { readonly workloads: readonly string[] | null; readonly nextTry: string | null };

/** `next`: when it goes on (RFC 3339), null while it is at it. `byHand`: this Podman can only remove and create, so setup has to be run. */
export type OwedReplacesStatus = { readonly secrets: number; readonly next: string | null; readonly byHand: boolean };

/** What the board takes from the report of a setup. */
export type SetupCounts = {
  readonly dryRun: boolean;
  readonly changes: readonly unknown[];
  readonly failures: readonly {
    readonly workload: string | null;
    readonly message: string;
    readonly hint: string | null;
  }[];
  readonly problems: readonly {
    readonly workload: string;
    readonly name: string;
    readonly reason: string;
    readonly hint: string | null;
  }[];
  readonly left: readonly { readonly unit: string; readonly reason: string; readonly hint: string | null }[];
  readonly orphans: readonly { readonly name: string; readonly id: string; readonly gone?: true }[];
  readonly outcome: 'done' | 'left' | 'failed';
  readonly ended: { readonly reason: string } | null;
};

const KEPT_FAILURES = 5;
const SHOWN_PROBLEMS = 20;
const SHOWN_PARTS = 20;
const KEPT_ORPHANS = 50;
const SHOWN_ORPHANS = 5;
const KEPT_FAILING = 200;
/** A stray request of somebody else is no trouble for ever. */
const REFUSAL_MATTERS_MS = 3_600_000;

/** What the provider says of this very secret: the next start meets it too. Silence is the provider's own problem, and named with it. */
const OF_THE_SECRET: readonly ErrorCode[] = [
  'NOT_FOUND',
  'PLACE_NOT_FOUND',
  'PROVIDER_DENIED',
  'VALUE_HIDDEN',
  'INTERNAL',
];

export type StatusDeps = {
  readonly clock: Clock;
  readonly mappings: { readonly size: number; readonly get: (id: string) => unknown };
  readonly version: string;
  /** Those there are now, the worst first. */
  readonly problems?: () => readonly ServiceProblem[];
  readonly hostCurl?: { readonly status: HostCurlStatus | undefined };
  readonly notes?: () => readonly string[];
  readonly setupOwed?: () => OwedSetup | null;
  readonly replacesOwed?: () => OwedReplacesStatus | null;
};

type KeptSetup = Omit<LastSetup, 'orphans'> & { readonly orphans: SetupCounts['orphans'] };

type Refusal = ServiceStatus['lastRefusals'][number] & { readonly seenAt: number };

export class StatusBoard {
  readonly #deps: StatusDeps;
  readonly #startedAt: number;
  readonly #failures: ServiceStatus['lastFailures'][number][] = [];
  /** Of secrets whose last lookup failed, by id. */
  readonly #failing = new Map<string, { readonly name: string; readonly error: PsiError }>();
  readonly #refusals: Refusal[] = [];
  /** Of them: come since a setup did all there was to do. */
  #unsettled: Refusal[] = [];
  #refused = 0;
  #ok = 0;
  #failed = 0;
  #lastSetup: KeptSetup | undefined;
  #lastSetupMs: number | undefined;
  #lastGoodSetupMs: number | undefined;

  constructor(deps: StatusDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.monotonic();
  }

  lookup({ id, name, provider }: LookupEvent, error: PsiError | undefined): void {
    if (!error) {
      this.#ok += 1;
      this.#failing.delete(id);
      return;
    }
    this.#failed += 1;
    this.#failures.push({ at: this.#at(), id, name: name ?? null, message: error.message });
    if (this.#failures.length > KEPT_FAILURES) this.#failures.shift();
    if (provider === undefined || !OF_THE_SECRET.includes(error.code)) return;
    this.#failing.delete(id);
    if (this.#failing.size < KEPT_FAILING) this.#failing.set(id, { name: name ?? id, error });
  }

  refused({ request, id, name, error }: RefusalEvent): void {
    this.#refused += 1;
    const { message, hint = null } = error;
    const refusal = { at: this.#at(), request, id: name ?? id ?? null, message, hint, seenAt: this.#deps.clock.now() };
    const told = error.details[OF_ITS_OWN] === true;
    for (const kept of told ? [this.#refusals] : [this.#refusals, this.#unsettled]) {
      kept.push(refusal);
      if (kept.length > KEPT_FAILURES) kept.shift();
    }
  }

  /** `whole`: it was about all workloads of the config. */
  setup(report: SetupCounts, whole: boolean): void {
    if (report.dryRun) return;
    const failed = failedParts(report);
    this.#note({
      at: this.#at(),
      changes: report.changes.length,
      failures: failed.length,
      outcome: report.outcome,
      failed: failed.slice(0, SHOWN_PARTS),
      orphans: (whole ? report.orphans : (this.#lastSetup?.orphans ?? [])).slice(0, KEPT_ORPHANS),
    });
    if (report.outcome !== 'done' || !whole) return;
    this.#lastGoodSetupMs = this.#lastSetupMs;
    // It has asked for each value that a workload uses, and written what refused requests lacked.
    this.#failing.clear();
    this.#unsettled = [];
  }

  /** One that ended before its report. */
  setupFailed({ message, hint }: PsiError): void {
    this.#note({
      at: this.#at(),
      changes: 0,
      failures: 1,
      outcome: 'failed',
      failed: [{ subject: null, message, hint: hint ?? null }],
      orphans: this.#lastSetup?.orphans ?? [],
    });
  }

  /** How many have been answered. */
  get lookups(): number {
    return this.#ok + this.#failed;
  }

  /** ms since the epoch, for the metrics. */
  get setupTimes(): { readonly last: number | undefined; readonly lastGood: number | undefined } {
    return { last: this.#lastSetupMs, lastGood: this.#lastGoodSetupMs };
  }

  /** Lookups that the next start meets too. */
  failing(): readonly ServiceProblem[] {
    return [...this.#failing]
      .filter(([id]) => this.#deps.mappings.get(id) !== undefined)
      .map(([, { name, error }]) => ({
        severity: 'error',
        subject: name,
        message: `its last lookup failed: ${error.message}`,
        hint: error.hint ?? null,
      }));
  }

  /** What others asked in vain, and what a setup found that nobody uses. */
  besides(): readonly ServiceProblem[] {
    return [...this.#refusalProblem(), ...this.#orphanProblem()];
  }

  read(): ServiceStatus {
    const { clock, mappings, version, problems = NONE, hostCurl, notes = NONE, setupOwed, replacesOwed } = this.#deps;
    const found = problems();
    return {
      problems: found.slice(0, SHOWN_PROBLEMS),
      problemCount: found.length,
      version,
      upSeconds: (clock.monotonic() - this.#startedAt) / 1000,
      mappings: mappings.size,
      hostCurl: hostCurl?.status ?? null,
      notes: notes(),
      lookups: { ok: this.#ok, failed: this.#failed },
      lastFailures: this.#failures,
      refused: this.#refused,
      lastRefusals: this.#refusals.map(({ seenAt: _, ...refusal }) => refusal),
      lastSetup: this.#lastSetup ? { ...this.#lastSetup, orphans: this.#orphans().map(({ name }) => name) } : null,
      lastGoodSetup: isoTimeOrNull(this.#lastGoodSetupMs),
      setupOwed: setupOwed?.() ?? null,
      replacesOwed: replacesOwed?.() ?? null,
    };
  }

  #refusalProblem(): readonly ServiceProblem[] {
    const since = this.#deps.clock.now() - REFUSAL_MATTERS_MS;
    const recent = this.#unsettled.filter(({ seenAt }) => seenAt >= since);
    const last = recent.at(-1);
    if (!last) return [];
    const { at, request, id, message, hint } = last;
    const more = recent.length > 1 ? `, and ${String(recent.length - 1)} more within the hour` : '';
    const what = `a request to ${request}${id === null ? '' : ` ${id}`}`;
    return [{ severity: 'warning', subject: null, message: `${what} was refused at ${at}${more}: ${message}`, hint }];
  }

  #orphanProblem(): readonly ServiceProblem[] {
    const orphans = this.#orphans();
    const names = orphans.map(({ name }) => name);
    if (names.length === 0) return [];
    const count = `${String(names.length)}${names.length === KEPT_ORPHANS ? ' or more' : ''}`;
    return [
      {
        severity: 'warning',
        subject: null,
        message: `secrets in podman that no workload uses any more: ${count}, ${names.slice(0, SHOWN_ORPHANS).join(', ')}`,
        hint: removal(orphans),
      },
    ];
  }

  /** Those that are still there. */
  #orphans(): SetupCounts['orphans'] {
    const orphans = this.#lastSetup?.orphans ?? [];
    return orphans.filter(({ id }) => this.#deps.mappings.get(id) !== undefined);
  }

  #note(last: KeptSetup): void {
    this.#lastSetup = last;
    this.#lastSetupMs = this.#deps.clock.now();
  }

  #at(): string {
    return isoTime(this.#deps.clock.now());
  }
}

const NONE = (): readonly never[] => [];

/** Prune knows the workloads that are gone; of one that is still configured the names have to be given. */
function removal(orphans: SetupCounts['orphans']): string {
  const ofConfigured = orphans.filter(({ gone }) => !gone).map(({ name }) => name);
  const commands = [
    ...(ofConfigured.length < orphans.length ? ['podman exec psi psi prune --apply'] : []),
    ...(ofConfigured.length > 0 ? [`podman secret rm ${ofConfigured.join(' ')}`] : []),
  ];
  return `remove them with ${commands.map((command) => `\`${command}\``).join(' and ')}`;
}

function failedParts({ failures, problems, left, ended }: SetupCounts): readonly FailedPart[] {
  return [
    ...failures.map(({ workload, message, hint }) => ({ subject: workload, message, hint })),
    ...problems.map(({ workload, name, reason, hint }) => ({ subject: workload, message: `${name}: ${reason}`, hint })),
    ...left.map(({ unit, reason, hint }) => ({ subject: unit, message: reason, hint })),
    ...(ended === null
      ? []
      : [{ subject: null, message: `it was ended: ${ended.reason}`, hint: 'run `podman exec psi psi setup` again' }]),
  ];
}
