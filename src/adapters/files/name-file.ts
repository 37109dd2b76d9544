// The names of secret ids on disk: `names.json` in the state folder, for its owner alone. A damaged file counts as none.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretId, type SecretId } from '../../core/naming.ts';
import type { NameStore, Registered } from '../../lookup/name-store.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { fileError } from './host-error.ts';

const FORMAT = 1;

/** Some ten times what 10,000 secrets with the longest names take. */
const MAX_BYTES = 64 * 1024 * 1024;

export class NameFile implements NameStore {
  readonly #dir: string;
  readonly #path: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
    this.#path = join(options.stateDir, 'names.json');
  }

  async load(): Promise<ReadonlyMap<SecretId, Registered>> {
    try {
      return decode((await readBounded(this.#path, MAX_BYTES)).toString('utf8'));
    } catch {
      // Missing or damaged: the next setup writes it anew, so there is nothing to report.
      return new Map();
    }
  }

  async save(names: ReadonlyMap<SecretId, Registered>): Promise<void> {
    try {
      await fileCalls.run(this.#path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.#path, JSON.stringify({ format: FORMAT, secrets: Object.fromEntries(names) }), {
        mode: 0o600,
      });
    } catch (error) {
      throw fileError('write the names of the secrets', this.#path, error);
    }
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
