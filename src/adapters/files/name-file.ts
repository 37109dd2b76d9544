// The names of secret ids on disk: `names.json` in the state folder, for its owner alone. A damaged file counts as none; that of a newer
// PSI is left alone, for Podman has the names too.

import type { PsiError } from '../../core/error.ts';
import { isSecretId, type SecretId } from '../../core/naming.ts';
import { newerFormat, newerThan } from '../../core/newer-format.ts';
import type { NameStore, Registered } from '../../lookup/name-store.ts';
import { StateFile } from './state-file.ts';

const FORMAT = 1;

/** Some ten times what 10,000 secrets with the longest names take. */
const MAX_BYTES = 64 * 1024 * 1024;

export class NameFile implements NameStore {
  readonly #file: StateFile;
  #ofNewer: PsiError | undefined;

  constructor({ stateDir }: { readonly stateDir: string }) {
    const what = 'write the names of the secrets';
    this.#file = new StateFile({ stateDir, name: 'names.json', most: MAX_BYTES, what });
  }

  async load(): Promise<ReadonlyMap<SecretId, Registered>> {
    try {
      const text = await this.#file.read();
      return text === undefined ? new Map() : this.#decode(JSON.parse(text));
    } catch {
      // Damaged: the next setup writes it anew, so there is nothing to report.
      return new Map();
    }
  }

  /** Why names are not kept; undefined: they are. */
  get problem(): PsiError | undefined {
    return this.#ofNewer;
  }

  async save(names: ReadonlyMap<SecretId, Registered>): Promise<void> {
    if (this.#ofNewer) return;
    await this.#file.write(JSON.stringify({ format: FORMAT, secrets: Object.fromEntries(names) }));
  }

  #decode(content: unknown): ReadonlyMap<SecretId, Registered> {
    if (!isRecord(content)) return new Map();
    const found = newerThan(FORMAT, content['format']);
    if (found === undefined) return content['format'] === FORMAT ? decode(content['secrets']) : new Map();
    const { path } = this.#file;
    const anew = `\`rm ${path} && systemctl restart psi.service\`: until then messages have ids in the place of names before the first setup`;
    this.#ofNewer = newerFormat(`the file ${path}`, { found, known: FORMAT }, anew);
    return new Map();
  }
}

function decode(secrets: unknown): ReadonlyMap<SecretId, Registered> {
  if (!isRecord(secrets)) return new Map();
  const names = new Map<SecretId, Registered>();
  for (const [id, registered] of Object.entries(secrets)) {
    if (!isSecretId(id) || !isRecord(registered)) continue;
    const { name, workload } = registered;
    if (typeof name === 'string' && typeof workload === 'string') names.set(id, { name, workload });
  }
  return names;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
