// The names of secret ids on disk: `names.json` in the state folder, for its owner alone. A damaged file counts as none.

import { isSecretId, type SecretId } from '../../core/naming.ts';
import type { NameStore, Registered } from '../../lookup/name-store.ts';
import { StateFile } from './state-file.ts';

const FORMAT = 1;

/** Some ten times what 10,000 secrets with the longest names take. */
const MAX_BYTES = 64 * 1024 * 1024;

export class NameFile implements NameStore {
  readonly #file: StateFile;

  constructor({ stateDir }: { readonly stateDir: string }) {
    const what = 'write the names of the secrets';
    this.#file = new StateFile({ stateDir, name: 'names.json', most: MAX_BYTES, what });
  }

  async load(): Promise<ReadonlyMap<SecretId, Registered>> {
    try {
      const text = await this.#file.read();
      return text === undefined ? new Map() : decode(text);
    } catch {
      // Damaged: the next setup writes it anew, so there is nothing to report.
      return new Map();
    }
  }

  save(names: ReadonlyMap<SecretId, Registered>): Promise<void> {
    return this.#file.write(JSON.stringify({ format: FORMAT, secrets: Object.fromEntries(names) }));
  }
}

function decode(text: string): ReadonlyMap<SecretId, Registered> {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || value['format'] !== FORMAT || !isRecord(value['secrets'])) return new Map();
  const names = new Map<SecretId, Registered>();
  for (const [id, registered] of Object.entries(value['secrets'])) {
    if (!isSecretId(id) || !isRecord(registered)) continue;
    const { name, workload } = registered;
    if (typeof name === 'string' && typeof workload === 'string') names.set(id, { name, workload });
  }
  return names;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
