// Prometheus metrics, served on the control face. The only importer of prom-client.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditLog, RefusalEvent } from '../lookup/audit-log.ts';
import type { SecretSource } from '../provider/secret-source.ts';

export type Metrics = {
  readonly refused: (event: RefusalEvent) => void;
  readonly audit: (next: AuditLog) => AuditLog;
  readonly countCalls: (provider: string, source: SecretSource) => SecretSource;
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** What the metrics say of the cache. */
export type CacheFigures = {
  readonly entries: number;
  readonly expired: number;
  readonly oldestAgeSeconds: number | null;
  readonly problem: unknown;
};

export type OwnFigures = {
  readonly mappings: () => number;
  readonly problems: () => number;
  readonly warnings: () => number;
  readonly owed: () => boolean;
  /** ms since the epoch; undefined: none since the start. */
  readonly setupTimes: () => { readonly last: number | undefined; readonly lastGood: number | undefined };
  readonly providers: () => readonly {
    readonly name: string;
    readonly up: boolean;
    readonly places: readonly unknown[];
  }[];
  readonly certificates: () => readonly { readonly name: string; readonly notAfter: number | undefined }[];
};

/** All are read when metrics are asked for; `cache` is undefined where there is none. */
export function createMetrics(own: OwnFigures, cache?: () => CacheFigures | undefined): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'psi_' });
  dropMisnamed(registry);
  const lookups = new Counter({
    name: 'psi_lookups_total',
    help: 'Lookups answered, by outcome (ok or error code) and source',
    labelNames: ['outcome', 'source'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'psi_lookup_seconds',
    help: 'Time inside PSI per lookup',
    buckets: [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  const refused = new Counter({
    name: 'psi_refused_requests_total',
    help: 'Requests of the driver socket that were not carried out, beside lookups, by kind and error code',
    labelNames: ['request', 'outcome'],
    registers: [registry],
  });
  const calls = new Counter({
    name: 'psi_provider_calls_total',
    help: 'Calls to a provider, by kind and whether they succeeded',
    labelNames: ['provider', 'call', 'ok'],
    registers: [registry],
  });
  new Gauge({
    name: 'psi_mappings',
    help: 'Secrets that PSI can look up',
    registers: [registry],
    collect() {
      this.set(own.mappings());
    },
  });
  new Gauge({
    name: 'psi_problems',
    help: 'What a start may meet (an outage, config, files of its own, what setup left), as `psi status` names it',
    registers: [registry],
    collect() {
      this.set(own.problems());
    },
  });
  new Gauge({
    name: 'psi_warnings',
    help: 'What should be seen to and keeps nothing from starting, as `psi status` names it',
    registers: [registry],
    collect() {
      this.set(own.warnings());
    },
  });
  new Gauge({
    name: 'psi_setup_owed',
    help: '1 while setup has left something that the service tries again by itself, else 0',
    registers: [registry],
    collect() {
      this.set(own.owed() ? 1 : 0);
    },
  });
  for (const [name, help, read] of TIME_GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        // No time is no sample: a zero would be 1970.
        this.remove();
        const at = read(own);
        if (at !== undefined) this.set(at / 1000);
      },
    });
  }
  new Gauge({
    name: 'psi_provider_up',
    help: '0 while a provider has given no usable answer since it was asked last, else 1',
    labelNames: ['provider'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, up } of own.providers()) this.set({ provider: name }, up ? 1 : 0);
    },
  });
  new Gauge({
    name: 'psi_provider_silent_places',
    help: 'Places that give no usable answer while their provider does',
    labelNames: ['provider'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, places } of own.providers()) this.set({ provider: name }, places.length);
    },
  });
  new Gauge({
    name: 'psi_certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends that psi keeps',
    labelNames: ['certificate'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, notAfter } of own.certificates())
        if (notAfter !== undefined) this.set({ certificate: name }, notAfter / 1000);
    },
  });
  for (const [name, help, read] of CACHE_GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const figures = cache?.();
        if (figures) this.set(read(figures));
        else this.reset();
      },
    });
  }
  const counted = async <T>(provider: string, call: string, work: Promise<T>): Promise<T> => {
    try {
      const result = await work;
      calls.inc({ provider, call, ok: 'true' });
      return result;
    } catch (error) {
      calls.inc({ provider, call, ok: 'false' });
      throw error;
    }
  };
  return {
    refused: ({ request, error }) => {
      refused.inc({ request, outcome: error.code });
    },
    audit: (next) => ({
      lookup: (event) => {
        lookups.inc({ outcome: event.outcome, source: event.source ?? 'none' });
        seconds.observe(event.ms / 1000);
        next.lookup(event);
      },
    }),
    countCalls: (provider, source) => ({
      list: (place, options) => counted(provider, 'list', source.list(place, options)),
      get: (ref, signal) => counted(provider, 'get', source.get(ref, signal)),
      folders: (place, signal) => counted(provider, 'folders', source.folders(place, signal)),
    }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** By Prometheus's conventions `_total` is a counter's; the same numbers are there by their types. */
function dropMisnamed(registry: Registry): void {
  for (const { name } of registry.getMetricsAsArray()) {
    if (registry.getSingleMetric(name) instanceof Gauge && name.endsWith('_total')) registry.removeSingleMetric(name);
  }
}

const TIME_GAUGES: readonly (readonly [
  name: string,
  help: string,
  read: (figures: OwnFigures) => number | undefined,
])[] = [
  [
    'psi_setup_last_run_timestamp_seconds',
    'When a setup ended last, since psi started',
    ({ setupTimes }) => setupTimes().last,
  ],
  [
    'psi_setup_last_success_timestamp_seconds',
    'When a setup of all workloads did all there was to do, since psi started',
    ({ setupTimes }) => setupTimes().lastGood,
  ],
];

const CACHE_GAUGES: readonly (readonly [name: string, help: string, read: (figures: CacheFigures) => number])[] = [
  ['psi_cache_entries', 'Values in the cache', ({ entries }) => entries],
  ['psi_cache_expired_entries', 'Of them: older than cache.max_age', ({ expired }) => expired],
  [
    'psi_cache_oldest_age_seconds',
    'Since the provider gave the oldest value in the cache',
    ({ oldestAgeSeconds }) => oldestAgeSeconds ?? 0,
  ],
  [
    'psi_cache_problem',
    '1 while the cache cannot be opened or saved, else 0',
    ({ problem }) => (problem === null || problem === undefined ? 0 : 1),
  ],
];
