// `metrics:`: where PSI's figures are put for a collector of the host.

import type * as t from 'io-ts';
import { absolutePath } from '../schema/path-fields.ts';
import { section } from '../schema/section.ts';

export const metricsCodec = section({}, { textfile_dir: absolutePath });

export type MetricsConfig = {
  /** The folder that node_exporter reads `*.prom` files from; undefined: none is written. */
  readonly textfileDir: string | undefined;
};

export function assembleMetrics(raw: t.TypeOf<typeof metricsCodec> = {}): MetricsConfig {
  return { textfileDir: raw.textfile_dir };
}
