// Podman's store, delete and list commands. They wait for nothing of Podman's: it holds its lock until they answer.

import { PsiError } from '../core/error.ts';
import {
  decodeStored,
  isPlaced,
  looksLikeMapping,
  MAX_BODY_BYTES,
  MAX_MAPPING_BYTES,
  type OwnMapping,
  type SealedMapping,
  type StoredMapping,
} from '../core/mapping.ts';
import { secretId, type SecretId } from '../core/naming.ts';
import type { MappingTable } from './mapping-table.ts';

/** Mappings that stay though Podman deletes their secrets: it is replacing them, and whoever asked it to removes them afterwards. */
export type Staying = { readonly holds: (id: SecretId) => boolean };

const NOBODY: Staying = { holds: () => false };

/** Port: what of Podman's bodies concerns this host alone. */
export type OwnBodies = {
  /** Is it a mapping of a provider that the config has? */
  readonly takes: (mapping: OwnMapping) => boolean;
  /** Bytes of the largest body that may be kept. */
  readonly most: () => number;
  /** Are values sealed that Podman is given? */
  readonly seals: () => boolean;
  /** The value is durable, encrypted, when it resolves; undefined: none is sealed. The bytes are copied. */
  readonly seal: (id: SecretId, value: Uint8Array) => Promise<SealedMapping | undefined>;
  /** Was the value of this mapping sealed here, and has nobody but Podman's secrets a use for it? */
  readonly isOfPodman: (mapping: StoredMapping) => mapping is SealedMapping;
  /** Out of the way for now: it can be restored for some days. */
  readonly putAside: (mapping: SealedMapping) => Promise<void>;
  readonly takeBack: (mapping: SealedMapping) => Promise<void>;
};

export class DriverStore {
  readonly #mappings: MappingTable;
  readonly #staying: Staying;
  readonly #own: OwnBodies | undefined;

  constructor(mappings: MappingTable, staying: Staying = NOBODY, own?: OwnBodies) {
    this.#mappings = mappings;
    this.#staying = staying;
    this.#own = own;
  }

  /** Bytes of the largest body that may be kept: that of a secret which PSI has replaced too, whatever became of its provider. */
  get most(): number {
    return this.#mappings.hasOwn() ? MAX_BODY_BYTES : (this.#own?.most() ?? MAX_MAPPING_BYTES);
  }

  /**
   * Keeps a mapping. Anything else is sealed where the config says so, and refused otherwise, so that a stray `podman secret create` cannot
   * leave a plaintext value on disk.
   */
  async store(id: string, body: Uint8Array): Promise<void> {
    const checked = secretId(id);
    const mapping = this.#mappingOf(body) ?? (await this.#sealed(checked, body));
    try {
      await this.#mappings.put(checked, mapping);
    } catch (thrown) {
      // Podman hears of the failure and has no secret: nobody would ever ask for the value.
      if (this.#own?.isOfPodman(mapping) === true) await this.#own.putAside(mapping);
      throw thrown;
    }
  }

  #mappingOf(body: Uint8Array): StoredMapping | undefined {
    const text = new TextDecoder().decode(body);
    const mapping = decodeStored(text);
    if (mapping && (isPlaced(mapping) || this.#takes(mapping))) return mapping;
    if (looksLikeMapping(text) || this.#own?.seals() !== true || body.byteLength === 0) throw notAMapping();
    return undefined;
  }

  /** One that is known is stored when PSI has its secret replaced: refused, Podman would have lost it, whatever became of its provider. */
  #takes(mapping: OwnMapping): boolean {
    return this.#own?.takes(mapping) === true || this.#mappings.holds(mapping);
  }

  async #sealed(id: SecretId, body: Uint8Array): Promise<SealedMapping> {
    const mapping = await this.#own?.seal(id, body);
    if (mapping === undefined) throw notAMapping();
    return mapping;
  }

  /**
   * Forgets an id. An unknown one succeeds, or nobody could ever remove the secret from Podman. An empty one fails: Podman sends it when
   * it replaces a name that does not exist, and deletes another secret if the answer is success.
   */
  async forget(id: string): Promise<void> {
    const checked = secretId(id);
    if (this.#staying.holds(checked)) return;
    await this.#mappings.reading(checked);
    const mapping = this.#mappings.get(checked);
    if (mapping && this.#own?.isOfPodman(mapping) === true) await this.#forgetSealed(checked, mapping, this.#own);
    else await this.#mappings.remove(checked);
  }

  /** The value first: killed between the two, `restore` brings all of it back, and Podman still has its secret. */
  async #forgetSealed(id: SecretId, mapping: SealedMapping, own: OwnBodies): Promise<void> {
    await this.#mappings.readRest();
    // A secret that was replaced by psi itself has another id, and the same value.
    const alone = this.#mappings.ofSealed(mapping.name).length <= 1;
    if (alone) await own.putAside(mapping);
    try {
      await this.#mappings.remove(id);
    } catch (thrown) {
      if (alone) await own.takeBack(mapping);
      throw thrown;
    }
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
