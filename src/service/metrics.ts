// What the service counts, as plain numbers: a lookup pays for no more, and prom-client is loaded when somebody asks for the metrics.

import type { AuditLog, RefusalEvent } from '../lookup/audit-log.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import { Late } from '../core/late.ts';
import { Buckets, Tally, type CacheFigures, type Counts, type OwnFigures } from './figures.ts';

export type Metrics = {
  readonly refused: (event: RefusalEvent) => void;
  readonly audit: (next: AuditLog) => AuditLog;
  readonly countCalls: (provider: string, source: SecretSource) => SecretSource;
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** All of `own` is read when metrics are asked for; `cache` is undefined where there is none. */
export function createMetrics(own: OwnFigures, cache?: () => CacheFigures | undefined): Metrics {
  const counts: Counts = { lookups: new Tally(), refused: new Tally(), calls: new Tally(), seconds: new Buckets() };
  const rendered = new Late(async () => (await import('./metrics-text.ts')).metricsText(counts, own, cache));
  const counted = async <T>(provider: string, call: string, work: Promise<T>): Promise<T> => {
    try {
      const result = await work;
      counts.calls.add(provider, call, 'true');
      return result;
    } catch (error) {
      counts.calls.add(provider, call, 'false');
      throw error;
    }
  };
  return {
    refused: ({ request, error }) => {
      counts.refused.add(request, error.code);
    },
    audit: (next) => ({
      lookup: (event) => {
        counts.lookups.add(event.outcome, event.source ?? 'none');
        counts.seconds.observe(event.ms / 1000);
        next.lookup(event);
      },
    }),
    countCalls: (provider, source) => ({
      list: (place, options) => counted(provider, 'list', source.list(place, options)),
      get: (ref, signal) => counted(provider, 'get', source.get(ref, signal)),
      folders: (place, signal) => counted(provider, 'folders', source.folders(place, signal)),
    }),
    text: async () => await (await rendered.get())(),
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
  };
}
