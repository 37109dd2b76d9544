// `psi setup`: discover → plan → apply, one workload after another, so that one workload's failure does not stop the others.

import { PsiError } from '../core/error.ts';
import { planDropIn, planSecrets, planStaleDropIns, registeredFor, type Actual, type Change } from './plan.ts';
import { isPsiOptions } from './driver-command/options.ts';
import type { DriverOptions } from './registered-secret.ts';
import type { SecretValue } from '../core/secret-value.ts';
import { dropInText } from './drop-in.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { DropInStore } from './drop-in-store.ts';
import type { HeaderFile } from './driver-command/header-file.ts';
import type { RegistryFeatures, SecretRegistry } from './secret-registry.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { UnitManager } from './unit-manager.ts';
import { Apply } from './apply.ts';
import { CacheFill, type CacheSink } from '../cache/fill.ts';
import { Discover } from '../survey/discover.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { RunReport } from './run-report.ts';
import type { SetupEvent, SetupReport } from './setup-events.ts';

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
  readonly cache: CacheSink | undefined;
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
    const report = new RunReport(request.dryRun);
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
    const fill = new CacheFill();
    for (const workload of workloads) {
      const known = registeredFor(workload.name, actual).flatMap(({ id }) => actual.mappingOf(id) ?? []);
      fill.expect(workload.name, known);
      await report.guard(workload.name, async () => {
        const wanted = await discover.workload(workload, signal);
        const plan = planSecrets(workload.name, wanted.secrets, target.options, actual);
        report.add(plan, wanted);
        fill.add(
          workload.name,
          plan.usable.map((secret) => secret.mapping),
          wanted.values,
        );
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
    const { cache } = this.#deps;
    if (!cache || request.dryRun) return report.finish(null);
    emit({ event: 'caching' });
    return report.finish(await fill.pour(cache, workloads.length === target.workloads.length));
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
