// Prometheus metrics, served on the control face. The only importer of prom-client.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditLog } from '../ports/audit-log.ts';
import type { SecretSource } from '../ports/secret-source.ts';

export type Metrics = {
  readonly audit: (next: AuditLog) => AuditLog;
  readonly countCalls: (provider: string, source: SecretSource) => SecretSource;
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** `mappings` is read when metrics are asked for. */
export function createMetrics(mappings: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'psi_' });
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
      this.set(mappings());
    },
  });
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
    }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
