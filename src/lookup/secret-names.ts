// What each secret id was registered as. PSI's own knowledge: kept in its state folder, brought up to date by each setup.

import { isSecretId, workloadOf, type SecretId } from '../core/naming.ts';
import type { NamedSecret } from '../cache/registered.ts';
import type { NameStore, Registered } from './name-store.ts';

export class SecretNames {
  readonly #store: NameStore;
  readonly #byId: Map<SecretId, Registered>;
  #unsaved = false;

  private constructor(store: NameStore, names: ReadonlyMap<SecretId, Registered>) {
    this.#store = store;
    this.#byId = new Map(names);
  }

  static async load(store: NameStore): Promise<SecretNames> {
    return new SecretNames(store, await store.load());
  }

  /** Undefined for a secret that no setup has seen: one that somebody created by hand since. */
  of(id: SecretId): Registered | undefined {
    return this.#byId.get(id);
  }

  /** Secrets as Podman names them. One whose name is no workload's is for none. */
  learn(secrets: Iterable<NamedSecret>): void {
    for (const { id, name } of secrets) {
      if (!isSecretId(id) || this.#byId.get(id)?.name === name) continue;
      this.#byId.set(id, { name, workload: workloadOf(name) ?? '' });
      this.#unsaved = true;
    }
  }

  forget(id: SecretId): void {
    if (this.#byId.delete(id)) this.#unsaved = true;
  }

  /** What is known goes into the next save, also where nothing is new. */
  writeAgain(): void {
    this.#unsaved = true;
  }

  /** Writes what is new, of the ids that are registered: Podman's list has secrets of others too. */
  async save(isRegistered: (id: SecretId) => boolean): Promise<void> {
    if (!this.#unsaved) return;
    // What is learned while the file is written is for the next save.
    this.#unsaved = false;
    try {
      await this.#store.save(new Map([...this.#byId].filter(([id]) => isRegistered(id))));
    } catch (error) {
      this.#unsaved = true;
      throw error;
    }
  }
}
