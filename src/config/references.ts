// Which files and credentials a config names beside itself: they have to be mounted into PSI's container.

import type { SecretField } from '../core/secret-field.ts';
import { SecretValue } from '../core/secret-value.ts';
import type { Config } from './config.ts';
import type { Env } from './surroundings.ts';

export type References = {
  readonly caFiles: readonly string[];
  readonly secretFiles: readonly string[];
  readonly credentials: readonly string[];
};

/** Found wherever they stand: private CAs, and secret-valued fields of each section. */
export function references(config: Partial<Config>): References {
  const caFiles = new Set<string>();
  const secretFiles = new Set<string>();
  const credentials = new Set<string>();
  walk(config, (record) => {
    if (record['kind'] === 'file' && typeof record['path'] === 'string') secretFiles.add(record['path']);
    else if (record['kind'] === 'credential' && typeof record['name'] === 'string') credentials.add(record['name']);
    if (typeof record['caCert'] === 'string') caFiles.add(record['caCert']);
  });
  return { caFiles: [...caFiles].sort(), secretFiles: [...secretFiles].sort(), credentials: [...credentials].sort() };
}

/** Each secret that stands elsewhere, once. */
export function secretReferences(config: Partial<Config>): readonly SecretField[] {
  const found = new Map<string, SecretField>();
  walk(config, ({ kind, path, name }) => {
    if (kind === 'file' && typeof path === 'string') found.set(`file ${path}`, { kind, path });
    else if ((kind === 'env' || kind === 'credential') && typeof name === 'string')
      found.set(`${kind} ${name}`, { kind, name });
  });
  return [...found.values()];
}

/** Does a secret stand in the file itself? */
export function hasPlainSecrets(config: Config): boolean {
  let found = false;
  walk(config, ({ kind, value }) => {
    found ||= kind === 'text' && value instanceof SecretValue;
  });
  return found;
}

/** Environment variables whose values are secret. */
export function secretVariables(config: Config): ReadonlySet<string> {
  const names = new Set<string>();
  walk(config, (record) => {
    if (record['kind'] === 'env' && typeof record['name'] === 'string') names.add(record['name']);
  });
  return names;
}

/** What a command that prints a token is run with: all but the secrets among it, and but what systemd means for PSI alone. */
export function commandEnvironment(config: Config, env: Env): Env {
  const withheld = new Set([...secretVariables(config), 'NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !withheld.has(name)));
}

function walk(value: unknown, visit: (record: Readonly<Record<string, unknown>>) => void): void {
  if (typeof value !== 'object' || value === null) return;
  visit(value as Readonly<Record<string, unknown>>);
  for (const inner of value instanceof Map ? value.values() : Object.values(value)) walk(inner, visit);
}
