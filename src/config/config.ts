// What the rest of PSI sees of the configuration: decoded, checked, camelCase, durations in milliseconds, paths absolute.
// Types only; how a file becomes a Config is load.ts's business.

import type { Scope } from '../core/scope.ts';
import type { Places } from '../core/places.ts';
import type { SecretField } from '../core/secret-field.ts';
import type { Workload } from '../core/workload.ts';
import type { WorkloadPattern } from '../core/workload-pattern.ts';
import type { ProviderConfig } from '../provider/provider.ts';
import type { CacheConfig } from './sections/cache.ts';
import type { LimitsConfig } from './sections/limits.ts';
import type { LookupConfig } from './sections/lookup.ts';
import type { OwnProviders } from './sections/own-providers.ts';
import type { MetricsConfig } from './sections/metrics.ts';

export type Config = Places &
  OwnProviders & {
    /** The file it was read from. */
    readonly file: string;
    readonly scope: Scope;
    readonly caCert: string | undefined;
    readonly socketToken: SecretField | undefined;
    readonly lookup: LookupConfig;
    readonly limits: LimitsConfig;
    readonly metrics: MetricsConfig;
    /** By name, each as its kind has read it. */
    readonly providers: ReadonlyMap<string, ProviderConfig>;
    readonly cache: CacheConfig | undefined;
    /** Those that it names. */
    readonly workloads: readonly Workload[];
    /** `"*"` among them; undefined: there is none. */
    readonly pattern: WorkloadPattern | undefined;
  };
