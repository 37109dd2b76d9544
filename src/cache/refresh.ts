// `psi cache refresh`: lists what the workloads name and fills the cache with it. Needs no Podman, changes no registration, and tries each
// source once: whoever runs it by a timer runs it again.

import { PsiError, toPsiError } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import { CacheFill, type CacheOutcome, type CacheSink } from './fill.ts';
import { Discover } from '../survey/discover.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { SetupEvent } from '../registration/setup-events.ts';
import { failureOf, type WorkloadFailure } from '../core/failure.ts';

export type RefreshTarget = {
  readonly workloads: readonly Workload[];
  readonly sourceOf: (provider: string) => SecretSource | undefined;
};

export type RefreshDeps = {
  readonly cache: CacheSink;
  readonly mappings: MappingTable;
  readonly clock: Clock;
};

export type RefreshReport = {
  readonly cache: CacheOutcome;
  readonly failures: readonly WorkloadFailure[];
  /** 0; 75 where trying again later is all it takes; else the exit status of the first failure. */
  readonly exit: number;
};

export class CacheRefresh {
  readonly #deps: RefreshDeps;

  constructor(deps: RefreshDeps) {
    this.#deps = deps;
  }

  async run(target: RefreshTarget, emit: (event: SetupEvent) => void, signal: AbortSignal): Promise<RefreshReport> {
    const discover = new Discover({
      sourceOf: target.sourceOf,
      clock: this.#deps.clock,
      emit,
      registeredFrom: (workload, spec) => this.#registeredFrom(workload, spec),
      pausesMs: [],
    });
    const fill = new CacheFill();
    const errors: { readonly workload: string; readonly error: PsiError }[] = [];
    for (const workload of target.workloads) {
      fill.expect(workload.name, []);
      try {
        const { secrets, values } = await discover.workload(workload, signal);
        fill.add(
          workload.name,
          secrets.map((secret) => secret.mapping),
          values,
        );
      } catch (thrown) {
        errors.push({ workload: workload.name, error: toPsiError(thrown) });
      }
    }
    // Which registrations belong to a workload that failed only Podman knows: then nothing is dropped.
    const cache = await fill.pour(this.#deps.cache, errors.length === 0);
    const failures = errors.map(({ workload, error }) => ({ workload, ...failureOf(error) }));
    return {
      cache,
      failures,
      exit: exitOf(
        cache,
        errors.map(({ error }) => error),
      ),
    };
  }

  #registeredFrom({ provider }: Workload, { project, path, recursive }: SecretSpec): number {
    const below = path === '/' ? '/' : `${path}/`;
    const { mappings } = this.#deps;
    return mappings
      .all()
      .filter(
        (mapping) =>
          mapping.provider === provider &&
          mapping.project === project &&
          (mapping.path === path || (recursive && mapping.path.startsWith(below))),
      ).length;
  }
}

function exitOf(cache: CacheOutcome, errors: readonly PsiError[]): number {
  const acting = errors.find((error) => error.retry === 'no');
  if (acting) return exitCode(acting.code);
  if (errors.length > 0) return EXIT.TRY_LATER;
  return cache.saved ? EXIT.DONE : exitCode('KEY_UNAVAILABLE');
}
