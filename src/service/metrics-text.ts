// The metrics as Prometheus reads them, served on the control face. The only importer of prom-client.

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { CacheFigures, Counts, OwnFigures, Tally } from './figures.ts';

/** What answers the text: what Node says of itself is counted from this call on, all else from the start. */
export function metricsText(
  counts: Counts,
  own: OwnFigures,
  cache: (() => CacheFigures | undefined) | undefined,
): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'psi_' });
  dropMisnamed(registry);
  for (const [name, help, labelNames, tally] of tallies(counts)) {
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { values, count } of tally.all())
          this.inc(Object.fromEntries(labelNames.map((label, at) => [label, values[at] ?? ''])), count);
      },
    });
  }
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
  return async () => {
    const seconds = counts.seconds.text('psi_lookup_seconds', 'Time inside PSI per lookup');
    return `${await registry.metrics()}\n${seconds}`;
  };
}

type Counted = readonly [name: string, help: string, labelNames: readonly string[], tally: Tally];

function tallies({ lookups, refused, calls }: Counts): readonly Counted[] {
  return [
    ['psi_lookups_total', 'Lookups answered, by outcome (ok or error code) and source', ['outcome', 'source'], lookups],
    [
      'psi_refused_requests_total',
      'Requests of the driver socket that were not carried out, beside lookups, by kind and error code',
      ['request', 'outcome'],
      refused,
    ],
    [
      'psi_provider_calls_total',
      'Calls to a provider, by kind and whether they succeeded',
      ['provider', 'call', 'ok'],
      calls,
    ],
  ];
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
