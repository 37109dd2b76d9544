// Which files and credentials a config names beside itself: they have to be mounted into PSI's container.

import type { Config } from './config.ts';

export type References = {
  readonly caFiles: readonly string[];
  readonly secretFiles: readonly string[];
  readonly credentials: readonly string[];
};

/** Found wherever they stand: private CAs, and secret-valued fields of each section. */
export function references(config: Config): References {
  const caFiles = new Set<string>();
  const secretFiles = new Set<string>();
  const credentials = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const record = value as Readonly<Record<string, unknown>>;
    if (record['kind'] === 'file' && typeof record['path'] === 'string') secretFiles.add(record['path']);
    else if (record['kind'] === 'credential' && typeof record['name'] === 'string') credentials.add(record['name']);
    if (typeof record['caCert'] === 'string') caFiles.add(record['caCert']);
    for (const inner of value instanceof Map ? value.values() : Object.values(value)) visit(inner);
  };
  visit(config);
  return { caFiles: [...caFiles].sort(), secretFiles: [...secretFiles].sort(), credentials: [...credentials].sort() };
}
