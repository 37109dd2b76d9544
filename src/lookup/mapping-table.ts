// All mappings in memory, so that a lookup touches no disk, kept in step with the mapping store. A start waits for none of them: it learns
// which there are, whoever asks for one has its file read, and all others are read a while later.

import { PsiError, toPsiError } from '../core/error.ts';
import { isPlaced, placeKey, sameMapping, type Mapping, type StoredMapping } from '../core/mapping.ts';
import { Mutex } from '../core/mutex.ts';
import { isSecretId, type SecretId } from '../core/naming.ts';
import { isOfNewer } from '../core/newer-format.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { MappingStore } from './mapping-store.ts';
import type { NameStore } from './name-store.ts';
import { SecretNames } from './secret-names.ts';

export class MappingTable {
  readonly #store: MappingStore;
  readonly #names: SecretNames;
  readonly #byId = new Map<SecretId, StoredMapping>();
  readonly #countByPlace = new Map<string, number>();
  readonly #unusable = new Map<SecretId, PsiError>();
  /** Of the ids that are being written or removed. */
  readonly #turns = new Map<SecretId, Mutex>();
  /** Why nothing at all could be read. */
  #unread: PsiError | undefined;
  /** Ids that have a file which nobody has read yet. */
  readonly #waiting: Set<SecretId>;
  readonly #reads = new SingleFlight<SecretId, void>();
  #readingAll: Promise<void> | undefined;
  /** What was written or removed since all files began to be read: what was read of it is older. */
  readonly #changed = new Set<SecretId>();

  private constructor(store: MappingStore, names: SecretNames, waiting: readonly SecretId[]) {
    this.#store = store;
    this.#names = names;
    this.#waiting = new Set(waiting);
  }

  /** Learns which mappings there are. Never rejects: what could not be read is told by `problems`, and by the lookups that it fails. */
  static async begin(store: MappingStore, nameStore: NameStore): Promise<MappingTable> {
    const [names, ids] = await Promise.all([SecretNames.load(nameStore), store.ids().catch(toPsiError)]);
    const table = new MappingTable(store, names, ids instanceof PsiError ? [] : ids);
    if (ids instanceof PsiError) table.#unread = ids;
    return table;
  }

  /** With all of them read. */
  static async load(store: MappingStore, nameStore: NameStore): Promise<MappingTable> {
    const table = await MappingTable.begin(store, nameStore);
    await table.readRest();
    return table;
  }

  /** Resolves once the file of this id has been read; undefined: nobody has to wait. `id` may be anything. Never rejects. */
  reading(id: string): Promise<void> | undefined {
    if (!isSecretId(id) || !this.#waiting.has(id)) return undefined;
    return this.#reads.run(id, async () => {
      const found = await this.#store.read(id);
      // A store or a delete that came meanwhile is newer.
      if (!this.#waiting.delete(id)) return;
      if (found instanceof PsiError) this.#unusable.set(id, found);
      else if (found) this.#remember(id, found);
    });
  }

  /** Resolves once all files have been read. Never rejects. */
  async readRest(): Promise<void> {
    if (this.#waiting.size === 0) return;
    try {
      await this.#readAll();
    } catch (thrown) {
      this.#unread = toPsiError(thrown);
      this.#waiting.clear();
    }
  }

  /**
   * Whoever is about to change what depends on all mappings has them read once more, as far as they could not be: a cause may be mended. Fails
   * with HOST while nothing can be read, and then nothing may be changed.
   */
  async readAgain(): Promise<void> {
    await this.readRest();
    if (this.#unread || this.#unusable.size > 0) await this.#readAll();
  }

  /** What keeps mappings from being there, by Podman's name or by id; `subject` is undefined for what concerns all of them. */
  problems(): readonly { readonly subject: string | undefined; readonly error: PsiError }[] {
    const all = this.#unread ? [{ subject: undefined, error: this.#unread }] : [];
    return [...all, ...[...this.#unusable].map(([id, error]) => ({ subject: this.nameOf(id) ?? id, error }))];
  }

  /** Why there is no mapping of an id that may well have one on disk; undefined where there is none. */
  whyMissing(id: string): PsiError | undefined {
    return isSecretId(id) && !this.#byId.has(id) ? (this.#unusable.get(id) ?? this.#unread) : undefined;
  }

  get size(): number {
    return this.#byId.size + this.#waiting.size;
  }

  ids(): readonly SecretId[] {
    return [...this.#byId.keys(), ...this.#waiting].sort();
  }

  /** This and what is chosen by name: of those that have been read (see `readRest`), and that a provider is asked for. */
  all(): readonly Mapping[] {
    return [...this.#byId.values()].filter(isPlaced);
  }

  /** Ids of those for a sealed value of this name. */
  ofSealed(name: string): readonly SecretId[] {
    return [...this.#byId].flatMap(([id, mapping]) => ('name' in mapping && mapping.name === name ? [id] : []));
  }

  /** Of one secret, by its id or by the name that Podman has for it. */
  ofSecret(idOrName: string): readonly Mapping[] {
    return this.#where((id) => id === idOrName || this.#names.of(id)?.name === idOrName);
  }

  ofWorkload(workload: string): readonly Mapping[] {
    return workload === '' ? [] : this.#where((id) => this.#names.of(id)?.workload === workload);
  }

  /** Of all workloads but these: a workload whose name is mistyped in the config still starts. */
  ofOthers(workloads: ReadonlySet<string>): readonly Mapping[] {
    return this.#where((id) => {
      const workload = this.workloadOf(id);
      return workload !== undefined && !workloads.has(workload);
    });
  }

  /** `id` may be anything. */
  get(id: string): StoredMapping | undefined {
    return isSecretId(id) ? this.#byId.get(id) : undefined;
  }

  /** The same, where a provider is asked for it. */
  placeOf(id: string): Mapping | undefined {
    const mapping = this.get(id);
    return mapping && isPlaced(mapping) ? mapping : undefined;
  }

  /** Is its value one that this host alone has, or may it be, for all that a mapping of a newer PSI tells? `id` may be anything. */
  isOwn(id: string): boolean {
    const mapping = this.get(id);
    return mapping === undefined ? isOfNewer(this.whyMissing(id)) : !isPlaced(mapping);
  }

  /** Is there any such value? Of those that have been read. */
  hasOwn(): boolean {
    for (const one of this.#byId.values()) if (!isPlaced(one)) return true;
    return false;
  }

  /** Does any id have this mapping? */
  holds(mapping: StoredMapping): boolean {
    for (const one of this.#byId.values()) if (sameMapping(one, mapping)) return true;
    return false;
  }

  /**
   * How many mappings share this mapping's provider, project and path: more than one, as far as is known. As long as others are unread a place
   * counts as shared, so that the first start after a boot asks for its folder once.
   */
  countBeside(mapping: Mapping): number {
    const known = this.#countByPlace.get(placeKey(mapping)) ?? 0;
    return this.#waiting.size > 0 ? Math.max(2, known) : known;
  }

  /**
   * Disk first: Podman believes a store that was answered with success. What concerns one id comes one after another, so that what was answered
   * last is on disk and in memory. An equal mapping is written again: its file may have been lost.
   */
  put(id: SecretId, mapping: StoredMapping): Promise<void> {
    return this.#inTurn(id, async () => {
      await this.#store.put(id, mapping);
      this.#remember(id, mapping);
    });
  }

  /** The ids whose file is gone: of a mapping that no restart would know. */
  async lost(): Promise<readonly SecretId[]> {
    const there = new Set(await this.#store.ids());
    return this.ids().filter((id) => !there.has(id));
  }

  /** Writes the files of these ids anew, as far as they still have a mapping, and their names with the next save. */
  async writeAgain(ids: readonly SecretId[]): Promise<void> {
    this.#names.writeAgain();
    for (const id of ids) {
      await this.#inTurn(id, async () => {
        const mapping = this.#byId.get(id);
        if (mapping) await this.#store.put(id, mapping);
      });
    }
  }

  remove(id: SecretId): Promise<void> {
    return this.#inTurn(id, async () => {
      await this.#store.remove(id);
      this.#forget(id);
    });
  }

  /** Podman's name of an id, for audit lines and messages; undefined for one that no setup has seen. */
  nameOf(id: string): string | undefined {
    return isSecretId(id) ? this.#names.of(id)?.name : undefined;
  }

  /** The workload an id was registered for; undefined for one of none, or that no setup has seen. */
  workloadOf(id: string): string | undefined {
    const workload = isSecretId(id) ? this.#names.of(id)?.workload : undefined;
    return workload === '' ? undefined : workload;
  }

  learnNames(secrets: Iterable<{ readonly id: string; readonly name: string }>): void {
    this.#names.learn(secrets);
  }

  /** Writes the names that were learned since, for the next start. */
  saveNames(): Promise<void> {
    return this.#names.save((id) => this.#byId.has(id));
  }

  async #inTurn(id: SecretId, work: () => Promise<void>): Promise<void> {
    const turn = this.#turns.get(id) ?? new Mutex();
    this.#turns.set(id, turn);
    try {
      await turn.run(work);
    } finally {
      if (!turn.busy) this.#turns.delete(id);
    }
  }

  #where(wanted: (id: SecretId) => boolean): readonly Mapping[] {
    return [...this.#byId]
      .filter(([id]) => wanted(id))
      .map(([, mapping]) => mapping)
      .filter(isPlaced);
  }

  #readAll(): Promise<void> {
    this.#readingAll ??= this.#readNow().finally(() => {
      this.#readingAll = undefined;
    });
    return this.#readingAll;
  }

  async #readNow(): Promise<void> {
    this.#changed.clear();
    const { mappings, unusable } = await this.#store.loadAll();
    const isNews = (id: SecretId): boolean => !this.#byId.has(id) && !this.#changed.has(id);
    const found = [...mappings].filter(([id]) => isNews(id));
    const unread = [...unusable].filter(([id]) => isNews(id));
    this.#unread = undefined;
    this.#unusable.clear();
    this.#waiting.clear();
    for (const [id, mapping] of found) this.#remember(id, mapping);
    for (const [id, error] of unread) this.#unusable.set(id, error);
  }

  #remember(id: SecretId, mapping: StoredMapping): void {
    this.#settle(id);
    this.#uncount(id);
    this.#byId.set(id, mapping);
    this.#unusable.delete(id);
    if (!isPlaced(mapping)) return;
    const place = placeKey(mapping);
    this.#countByPlace.set(place, (this.#countByPlace.get(place) ?? 0) + 1);
  }

  #forget(id: SecretId): void {
    this.#settle(id);
    this.#uncount(id);
    this.#byId.delete(id);
    this.#unusable.delete(id);
    this.#names.forget(id);
  }

  /** From now on memory knows better than what is being read. */
  #settle(id: SecretId): void {
    this.#waiting.delete(id);
    if (this.#readingAll) this.#changed.add(id);
  }

  #uncount(id: SecretId): void {
    const old = this.#byId.get(id);
    if (!old || !isPlaced(old)) return;
    const place = placeKey(old);
    const left = (this.#countByPlace.get(place) ?? 1) - 1;
    if (left > 0) this.#countByPlace.set(place, left);
    else this.#countByPlace.delete(place);
  }
}
