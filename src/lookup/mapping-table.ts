// All mappings in memory, so that a lookup touches no disk, kept in step with the mapping store.

import { placeKey, sameMapping, type Mapping } from '../core/mapping.ts';
import type { MappingStore } from './mapping-store.ts';
import type { NameStore } from './name-store.ts';
import { SecretNames } from './secret-names.ts';

export class MappingTable {
  readonly #store: MappingStore;
  readonly #names: SecretNames;
  readonly #byId = new Map<string, Mapping>();
  readonly #countByPlace = new Map<string, number>();

  private constructor(store: MappingStore, names: SecretNames) {
    this.#store = store;
    this.#names = names;
  }

  /** Reads the stores once. `skipped` names the ids whose files hold no mapping. */
  static async load(
    store: MappingStore,
    nameStore: NameStore,
  ): Promise<{ table: MappingTable; skipped: readonly string[] }> {
    const [names, { mappings, skipped }] = await Promise.all([SecretNames.load(nameStore), store.loadAll()]);
    const table = new MappingTable(store, names);
    for (const [id, mapping] of mappings) table.#remember(id, mapping);
    return { table, skipped };
  }

  get size(): number {
    return this.#byId.size;
  }

  ids(): readonly string[] {
    return [...this.#byId.keys()].sort();
  }

  all(): readonly Mapping[] {
    return [...this.#byId.values()];
  }

  /** Those of an id, of a secret as Podman names it, or of all secrets of a workload. */
  named(name: string): readonly Mapping[] {
    return [...this.#byId]
      .filter(([id]) => {
        const registered = this.#names.of(id);
        return id === name || registered?.name === name || (name !== '' && registered?.workload === name);
      })
      .map(([, mapping]) => mapping);
  }

  get(id: string): Mapping | undefined {
    return this.#byId.get(id);
  }

  /** How many mappings share this mapping's provider, project and path. */
  countBeside(mapping: Mapping): number {
    return this.#countByPlace.get(placeKey(mapping)) ?? 0;
  }

  /** Disk first: Podman believes a store that was answered with success. An equal mapping is not written again. */
  async put(id: string, mapping: Mapping): Promise<void> {
    const known = this.#byId.get(id);
    if (known && sameMapping(known, mapping)) return;
    await this.#store.put(id, mapping);
    this.#remember(id, mapping);
  }

  async remove(id: string): Promise<void> {
    await this.#store.remove(id);
    this.#forget(id);
  }

  /** Podman's name of an id, for audit lines and messages; undefined for one that no setup has seen. */
  nameOf(id: string): string | undefined {
    return this.#names.of(id)?.name;
  }

  /** The workload an id was registered for; undefined for one of none, or that no setup has seen. */
  workloadOf(id: string): string | undefined {
    const workload = this.#names.of(id)?.workload;
    return workload === '' ? undefined : workload;
  }

  learnNames(secrets: Iterable<{ readonly id: string; readonly name: string }>): void {
    this.#names.learn(secrets);
  }

  /** Writes the names that were learned since, for the next start. */
  saveNames(): Promise<void> {
    return this.#names.save((id) => this.#byId.has(id));
  }

  #remember(id: string, mapping: Mapping): void {
    this.#uncount(id);
    this.#byId.set(id, mapping);
    const place = placeKey(mapping);
    this.#countByPlace.set(place, (this.#countByPlace.get(place) ?? 0) + 1);
  }

  #forget(id: string): void {
    this.#uncount(id);
    this.#byId.delete(id);
    this.#names.forget(id);
  }

  #uncount(id: string): void {
    const old = this.#byId.get(id);
    if (!old) return;
    const place = placeKey(old);
    const left = (this.#countByPlace.get(place) ?? 1) - 1;
    if (left > 0) this.#countByPlace.set(place, left);
    else this.#countByPlace.delete(place);
  }
}
