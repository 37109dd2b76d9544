// Podman's store, delete and list commands. They wait for nothing of Podman's: it holds its lock until they answer.

import { PsiError } from '../core/error.ts';
import { decodeMapping } from '../core/mapping.ts';
import { secretId, type SecretId } from '../core/naming.ts';
import type { MappingTable } from './mapping-table.ts';

/** Mappings that stay though Podman deletes their secrets: it is replacing them, and whoever asked it to removes them afterwards. */
export type Staying = { readonly holds: (id: SecretId) => boolean };

const NOBODY: Staying = { holds: () => false };

export class DriverStore {
  readonly #mappings: MappingTable;
  readonly #staying: Staying;

  constructor(mappings: MappingTable, staying: Staying = NOBODY) {
    this.#mappings = mappings;
    this.#staying = staying;
  }

  /** Keeps a mapping. Anything else is refused, so that a stray `podman secret create` cannot leave a plaintext value on disk. */
  async store(id: string, body: Uint8Array): Promise<void> {
    const checked = secretId(id);
    const mapping = decodeMapping(new TextDecoder().decode(body));
    if (!mapping) throw notAMapping();
    await this.#mappings.put(checked, mapping);
  }

  /**
   * Forgets an id. An unknown one succeeds, or nobody could ever remove the secret from Podman. An empty one fails: Podman sends it when
   * it replaces a name that does not exist, and deletes another secret if the answer is success.
   */
  async forget(id: string): Promise<void> {
    const checked = secretId(id);
    if (!this.#staying.holds(checked)) await this.#mappings.remove(checked);
  }

  list(): readonly string[] {
    return this.#mappings.ids();
  }
}

export function notAMapping(): PsiError {
  return new PsiError('NOT_A_MAPPING', 'the body is no mapping written by psi, so it was not stored', {
    hint: 'run `podman exec psi psi setup`, which writes what psi needs; a value of your own goes to `podman secret create --driver file NAME -`',
  });
}
