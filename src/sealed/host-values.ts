// What the config says of values on this host, for lookups and for the driver's store: which provider has them, and what of Podman's is
// sealed.

import {
  MAX_BODY_BYTES,
  MAX_MAPPING_BYTES,
  type OwnMapping,
  type SealedMapping,
  type StoredMapping,
} from '../core/mapping.ts';
import type { SecretId } from '../core/naming.ts';
import { SecretValue } from '../core/secret-value.ts';
import type { OwnValues } from '../lookup/answer.ts';
import type { OwnBodies } from '../lookup/driver-store.ts';
import type { BlobValues } from './blob-values.ts';
import { isOfPodman, isSealedName, nameOfPodman } from './names.ts';
import type { SealedValues } from './values.ts';

export type SealedInUse = {
  /** Of the provider, as mappings name it. */
  readonly provider: string;
  readonly values: SealedValues;
  /** Is what Podman is given sealed too? */
  readonly fromPodman: boolean;
};

/** Of the config that the service runs with now. */
export type HostValuesDeps = {
  readonly sealed: () => SealedInUse | undefined;
  /** Of the tokens of the Python PSI, by their providers. */
  readonly blobs: () => ReadonlyMap<string, Pick<BlobValues, 'read'>>;
};

export class HostValues implements OwnValues, OwnBodies {
  readonly #deps: HostValuesDeps;

  constructor(deps: HostValuesDeps) {
    this.#deps = deps;
  }

  read(mapping: OwnMapping): SecretValue | Promise<SecretValue> | undefined {
    if ('blob' in mapping) return this.#deps.blobs().get(mapping.provider)?.read(mapping.blob);
    return this.#ofProvider(mapping)?.values.read(mapping.name);
  }

  /** Somebody's own text may look like a mapping: only what a provider of the config reads is one. */
  takes(mapping: OwnMapping): boolean {
    if ('blob' in mapping) return this.#deps.blobs().has(mapping.provider);
    return this.#ofProvider(mapping) !== undefined && isSealedName(mapping.name);
  }

  most(): number {
    return this.seals() || this.#deps.blobs().size > 0 ? MAX_BODY_BYTES : MAX_MAPPING_BYTES;
  }

  seals(): boolean {
    return this.#deps.sealed()?.fromPodman === true;
  }

  async seal(id: SecretId, value: Uint8Array): Promise<SealedMapping | undefined> {
    const sealed = this.#deps.sealed();
    if (sealed?.fromPodman !== true) return undefined;
    const name = nameOfPodman(id);
    await sealed.values.store(name, new SecretValue(value));
    return { provider: sealed.provider, name };
  }

  /** What a person has stored stays: it is removed by its name. */
  isOfPodman(mapping: StoredMapping): mapping is SealedMapping {
    return 'name' in mapping && isOfPodman(mapping.name) && this.#ofProvider(mapping) !== undefined;
  }

  async putAside({ name }: SealedMapping): Promise<void> {
    await this.#deps.sealed()?.values.remove(name);
  }

  async takeBack({ name }: SealedMapping): Promise<void> {
    await this.#deps.sealed()?.values.restore(name);
  }

  #ofProvider({ provider }: SealedMapping): SealedInUse | undefined {
    const sealed = this.#deps.sealed();
    return sealed?.provider === provider ? sealed : undefined;
  }
}
