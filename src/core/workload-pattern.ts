// The workload pattern, `"*"` of the config: what holds for each quadlet of the host whose folder exists at the provider.

import type { Workload } from './workload.ts';

/** Its name in the config. */
export const PATTERN_NAME = '*';

/** In a path, what stands for the workload's folder. */
export const PLACEHOLDER = '{workload}';

/** What a workload has but a name and a unit. At least one of its paths holds the placeholder. */
export type WorkloadPattern = Omit<Workload, 'name' | 'unit'>;

export function holdsPlaceholder(path: string): boolean {
  return path.includes(PLACEHOLDER);
}

/** The path of one workload's source. */
export function placedIn(path: string, folder: string): string {
  return path.replaceAll(PLACEHOLDER, () => folder);
}
