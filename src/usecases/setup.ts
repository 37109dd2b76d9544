// `psi setup`: discover → plan → apply, one workload after another, so that one workload's failure does not stop the others.

import { PsiError, toPsiError } from '../core/error.ts';
import {
  planDropIn,
  planSecrets,
  planStaleDropIns,
  registeredFor,
  type Actual,
  type Change,
  type Orphan,
  type Problem,
} from '../core/plan.ts';
import { isPsiOptions } from '../core/driver-options.ts';
import type { DriverOptions } from '../core/registration.ts';
import type { SecretValue } from '../core/secret.ts';
import type { Overridden, RefusedKey } from '../core/selection.ts';
import { dropInText } from '../core/unit-text.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { Clock } from '../ports/clock.ts';
import type { DropInStore } from '../ports/drop-in-store.ts';
import type { HeaderFile } from '../ports/header-file.ts';
import type { RegistryFeatures, SecretRegistry } from '../ports/secret-registry.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import type { UnitManager } from '../ports/unit-manager.ts';
import { Apply } from './apply.ts';
import { Discover } from './discover.ts';
import type { MappingTable } from './mapping-table.ts';
import type { ChangeReport, Failure, SetupEvent, SetupReport } from './setup-events.ts';

/** What the config asks for at this moment. */
export type SetupTarget = {
  readonly workloads: readonly Workload[];
  readonly options: DriverOptions;
  readonly socketToken: SecretValue | undefined;
  readonly sourceOf: (provider: string) => SecretSource | undefined;
};

export type SetupDeps = {
  readonly registry: SecretRegistry;
  readonly mappings: MappingTable;
  readonly dropIns: DropInStore;
  readonly units: UnitManager;
  readonly headerFile: HeaderFile;
  readonly clock: Clock;
};

export type SetupRequest = {
  readonly provider: string | undefined;
  readonly workload: string | undefined;
  readonly dryRun: boolean;
};

export class Setup {
  readonly #deps: SetupDeps;

  constructor(deps: SetupDeps) {
    this.#deps = deps;
  }

  /** Plans and, unless it is a dry run, applies. Failures of single workloads are in the report; what stops the whole run is thrown. */
  async run(
    target: SetupTarget,
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ): Promise<SetupReport> {
    const workloads = chosen(target.workloads, request);
    const { registry, dropIns } = this.#deps;
    const [features, registered, present] = await Promise.all([registry.features(), registry.list(), dropIns.list()]);
    this.#deps.mappings.learnNames(registered);
    const actual: Actual = {
      registered: new Map(registered.map((secret) => [secret.name, secret])),
      mappingOf: (id) => this.#deps.mappings.get(id),
      isOurs: isPsiOptions,
    };
    const discover = new Discover({
      sourceOf: target.sourceOf,
      clock: this.#deps.clock,
      emit,
      registeredFrom: (workload, spec) => this.#registeredFrom(actual, workload, spec),
    });
    const report = new Report(request.dryRun);
    const apply = new Apply({ ...this.#deps, options: target.options, socketToken: target.socketToken, emit });
    const step = async (workload: string | undefined, changes: readonly Change[]): Promise<void> => {
      if (request.dryRun) report.changes.push(...changes);
      else
        report.changes.push(
          ...(await apply.all(changes, (failure) => {
            report.fail(workload, failure);
          })),
        );
    };

    await report.guard(undefined, async () => step(undefined, await this.#planHeader(target)));
    const dropInTexts = new Map(present.map((dropIn) => [dropIn.unit, dropIn.text]));
    for (const workload of workloads) {
      await report.guard(workload.name, async () => {
        const wanted = await discover.workload(workload, signal);
        const plan = planSecrets(workload.name, wanted.secrets, target.options, actual);
        report.add(plan, wanted);
        await step(workload.name, plan.changes);
        if (!features.dropIns) return;
        const missing = new Set(apply.failedNames);
        const secrets = plan.usable.filter((secret) => !missing.has(secret.name));
        const text = dropInText({ unit: workload.unit, dependsOn: workload.dependsOn, secrets });
        await step(workload.name, planDropIn(workload.name, workload.unit, text, dropInTexts.get(workload.unit)));
      });
    }
    if (!features.dropIns && workloads.length > 0) report.notes.push(noDropIns(features));
    if (!features.replace && report.changes.some((change) => change.action === 'replace')) {
      report.notes.push(
        `podman ${features.version} can only remove and create: a start between the two finds no secret`,
      );
    }
    // A filtered run knows nothing about the units of other workloads: it leaves their drop-ins alone.
    if (request.provider === undefined && request.workload === undefined && features.dropIns) {
      const units = new Set(target.workloads.map((workload) => workload.unit));
      await report.guard(undefined, () => step(undefined, planStaleDropIns(dropInTexts.keys(), units)));
    }
    if (apply.dropInsChanged) {
      emit({ event: 'reloading' });
      await report.guard(undefined, () => this.#deps.units.reload());
    }
    return report.finish();
  }

  async #planHeader(target: SetupTarget): Promise<readonly Change[]> {
    if (!target.socketToken || (await this.#deps.headerFile.holds(target.socketToken))) return [];
    return [{ action: 'write-header', workload: undefined }];
  }

  #registeredFrom(actual: Actual, workload: Workload, spec: SecretSpec): number {
    const below = spec.path === '/' ? '/' : `${spec.path}/`;
    return registeredFor(workload.name, actual).filter((secret) => {
      const mapping = actual.mappingOf(secret.id);
      if (mapping?.project !== spec.project) return false;
      return mapping.path === spec.path || (spec.recursive && mapping.path.startsWith(below));
    }).length;
  }
}

function chosen(workloads: readonly Workload[], request: SetupRequest): readonly Workload[] {
  const { provider, workload: name } = request;
  const named = workloads.filter(
    (workload) =>
      (provider === undefined || workload.provider === provider) && (name === undefined || workload.name === name),
  );
  if (named.length === 0 && name !== undefined) {
    throw new PsiError('USAGE', `no workload ${name} in the config`, {
      hint: `there are: ${workloads.map((workload) => workload.name).join(', ') || 'none'}`,
    });
  }
  return named;
}

function noDropIns(features: RegistryFeatures): string {
  return (
    `podman ${features.version} does not read quadlet drop-ins (5.0 does): secrets are registered and looked up, ` +
    'but `Secret=` lines have to be written by hand'
  );
}

/** Collects what happened; a failure inside `guard` is noted and does not stop the rest. */
class Report {
  readonly changes: Change[] = [];
  readonly notes: string[] = [];
  readonly #dryRun: boolean;
  readonly #failures: Failure[] = [];
  readonly #orphans: Orphan[] = [];
  readonly #problems: Problem[] = [];
  readonly #refused: RefusedKey[] = [];
  readonly #overridden: Overridden[] = [];
  #kept = 0;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  add(
    plan: { readonly kept: number; readonly orphans: readonly Orphan[]; readonly problems: readonly Problem[] },
    wanted: {
      readonly refused: readonly RefusedKey[];
      readonly overridden: readonly Overridden[];
      readonly notes: readonly string[];
    },
  ): void {
    this.#kept += plan.kept;
    this.#orphans.push(...plan.orphans);
    this.#problems.push(...plan.problems);
    this.#refused.push(...wanted.refused);
    this.#overridden.push(...wanted.overridden);
    this.notes.push(...wanted.notes.filter((note) => !this.notes.includes(note)));
  }

  fail(workload: string | undefined, error: PsiError): void {
    this.#failures.push(failureOf(error, workload));
  }

  async guard(workload: string | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.fail(workload, toPsiError(thrown));
    }
  }

  finish(): SetupReport {
    return {
      dryRun: this.#dryRun,
      changes: this.changes.map(describe),
      kept: this.#kept,
      orphans: this.#orphans,
      refused: this.#refused,
      problems: this.#problems,
      overridden: this.#overridden,
      failures: this.#failures,
      notes: this.notes,
    };
  }
}

/** An error as the report carries it. */
export function failureOf(error: PsiError, workload?: string): Failure {
  return { workload: workload ?? null, code: error.code, message: error.message, hint: error.hint ?? null };
}

function describe(change: Change): ChangeReport {
  const target = 'name' in change ? change.name : 'unit' in change ? change.unit : null;
  return { action: change.action, workload: change.workload ?? null, target };
}
