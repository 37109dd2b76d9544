// What one run of setup is about: the wish, as the config and the request have it, and what was there when it began.

import { PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Workload } from '../core/workload.ts';
import type { WorkloadPattern } from '../core/workload-pattern.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { ByPattern } from './pattern.ts';
import type { DriverOptions } from './registered-secret.ts';
import type { SetupEvent } from './setup-events.ts';
import type { StepSurroundings } from './workload-step.ts';

/** What the config asks for at this moment. */
export type SetupTarget = {
  readonly workloads: readonly Workload[];
  readonly options: DriverOptions;
  readonly socketToken: SecretValue | undefined;
  readonly sourceOf: (provider: string) => SecretSource | undefined;
  /** `"*"` of the config, as long as `workloads` are those that it names. */
  readonly pattern?: WorkloadPattern | undefined;
  /** What was found of it: `workloads` holds those of it too. */
  readonly byPattern?: ByPattern;
};

export type SetupRequest = {
  readonly provider: string | undefined;
  readonly workload: string | undefined;
  /** Those of these names that there still are; without it all of them. */
  readonly workloads?: readonly string[];
  /** No provider is waited for: what it does not answer now is left. */
  readonly once?: true;
  /** Somebody's start waits for it: what workloads lack comes first, and the event `ready` tells when nothing is lacking any more. */
  readonly boot?: true;
  readonly dryRun: boolean;
};

/** What holds for a whole run: the wish, and what was there when it began. */
export type SetupRun = StepSurroundings & {
  readonly target: SetupTarget;
  readonly request: SetupRequest;
  readonly emit: (event: SetupEvent) => void;
  readonly signal: AbortSignal;
};

/** One that is not about all of the config. */
export function isFiltered({ provider, workload, workloads }: SetupRequest): boolean {
  return provider !== undefined || workload !== undefined || workloads !== undefined;
}

export function chosen(workloads: readonly Workload[], request: SetupRequest): readonly Workload[] {
  const { provider, workload: name } = request;
  const named = workloads.filter(
    (workload) =>
      (provider === undefined || workload.provider === provider) &&
      (name === undefined || workload.name === name) &&
      (request.workloads === undefined || request.workloads.includes(workload.name)),
  );
  if (named.length === 0 && name !== undefined) {
    throw new PsiError('USAGE', `no workload ${name} in the config`, {
      hint: `there are: ${workloads.map((workload) => workload.name).join(', ') || 'none'}`,
    });
  }
  return named;
}
