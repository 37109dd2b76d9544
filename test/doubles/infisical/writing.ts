// The write model behind v4 and v3: create, update, delete and the batches, each batch one transaction.
// Values are trimmed here, as the server does on every write; builders in state.ts bypass that on purpose.
import { memberProject, Refusals } from './access.ts';
import { ApiFailure } from './errors.ts';
import { environmentNotFound, requirePath } from './places.ts';
import { requireReferenced } from './references.ts';
import { folderAt, secretSlot } from './state.ts';
import { wordsOf } from './write-words.ts';
import type { Traits } from './generations.ts';
import type { Folder, Identity, Place, SecretType, StoredSecret } from './model.ts';
import type { DoubleState, SecretFields } from './state.ts';
import type { Call, WriteWords } from './write-words.ts';

export interface WriteTarget {
  readonly identity: Identity;
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
}

export interface WriteItem {
  readonly key: string;
  readonly newKey?: string | undefined;
  readonly fields: Partial<SecretFields>;
}

export type BatchMode = 'failOnNotFound' | 'upsert' | 'ignore';

export interface Written {
  readonly place: Place;
  readonly secrets: readonly StoredSecret[];
}

export class SecretWriter {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #refusals: Refusals;
  readonly #words: WriteWords;

  constructor(state: DoubleState, traits: Traits) {
    this.#state = state;
    this.#traits = traits;
    this.#refusals = new Refusals(traits);
    this.#words = wordsOf(traits);
  }

  create(target: WriteTarget, items: readonly WriteItem[], call: Call): Written {
    const { place, folder } = this.#open(target, call === 'single' ? 'CreateSecret' : 'CreateManySecret');
    const taken = items
      .map(({ key }) => folder.secrets.get(secretSlot(key, 'shared')))
      .filter((old) => old !== undefined);
    if (taken.length > 0) throw this.#words.taken(taken, call);
    for (const item of items) this.#refusals.require(target.identity, 'create', place, item.key);
    this.#requireReferenced(place, target.identity, items);
    return { place, secrets: this.#writeNew(folder, items) };
  }

  update(target: WriteTarget, items: readonly WriteItem[], mode: BatchMode, call: Call): Written {
    const { place, folder } = call === 'single' ? this.#open(target, 'UpdateSecret') : this.#openForBatch(target);
    const known = items.filter(({ key }) => folder.secrets.has(secretSlot(key, 'shared')));
    const missing = items.filter((item) => !known.includes(item));
    if (missing.length > 0 && mode === 'failOnNotFound') throw this.#words.notUpdated(missing, place, call);
    const wanted = mode === 'ignore' ? known : items;
    for (const item of wanted) {
      this.#refusals.require(target.identity, known.includes(item) ? 'edit' : 'create', place, item.key);
      this.#refuseTakenName(folder, item);
    }
    this.#requireReferenced(place, target.identity, wanted);
    const made = this.#writeNew(folder, mode === 'ignore' ? [] : missing);
    const secretOf = (item: WriteItem): StoredSecret | undefined => made[missing.indexOf(item)];
    return { place, secrets: wanted.map((item) => secretOf(item) ?? this.#rename(folder, item)) };
  }

  remove(target: WriteTarget, keys: readonly string[], call: Call): Written {
    const { place, folder } = this.#open(target, call === 'single' ? 'DeleteSecret' : 'DeleteManySecret');
    const secrets = keys.map((key) => folder.secrets.get(secretSlot(key, 'shared'))).filter((old) => old !== undefined);
    if (secrets.length < keys.length) throw this.#words.notDeleted(keys, secrets, call);
    for (const key of keys) this.#refusals.require(target.identity, 'delete', place, key);
    for (const key of keys) folder.secrets.delete(secretSlot(key, 'shared'));
    return { place, secrets };
  }

  refusePersonal(type: SecretType): void {
    if (type === 'shared') return;
    throw new ApiFailure('bad-request', 'Must be user to create personal secret');
  }

  #open(target: WriteTarget, error: string): { readonly place: Place; readonly folder: Folder } {
    const place = this.#placeOf(target);
    requirePath(place.path, this.#traits);
    const folder = folderAt(place);
    if (folder === undefined) throw this.#words.noFolder(place, error);
    return { place, folder };
  }

  /** A batch of changes looks for its folder in another way: no rule for characters, and other words (row 25). */
  #openForBatch(target: WriteTarget): { readonly place: Place; readonly folder: Folder } {
    const place = this.#placeOf(target);
    if (!this.#traits.invertedStatuses && !place.project.environments.has(place.environment)) {
      throw environmentNotFound(place.project.id, place.environment, this.#traits);
    }
    const folder = folderAt(place);
    if (folder === undefined) throw this.#words.noFolder(place, 'UpdateManySecret');
    return { place, folder };
  }

  #placeOf({ identity, projectId, environment, path }: WriteTarget): Place {
    const project = memberProject(this.#state, identity, projectId, this.#traits, 'by route');
    return { project, environment, path };
  }

  #requireReferenced(place: Place, identity: Identity, items: readonly WriteItem[]): void {
    if (!this.#traits.referencesMustExist) return;
    const texts = items.map(({ fields }) => fields.value ?? '');
    requireReferenced(texts, place, (there, key) => {
      this.#refusals.require(identity, 'describe', there, key);
    });
  }

  /** Seen on June 2025: the same name twice in one batch becomes two secrets (row 24). */
  #writeNew(folder: Folder, items: readonly WriteItem[]): readonly StoredSecret[] {
    const names = new Set<string>();
    return items.map((item) => {
      const again = this.#traits.keepsDuplicates && names.has(item.key);
      names.add(item.key);
      return again ? this.#state.addBeside(folder, item.key, stored(item)) : this.#write(folder, item);
    });
  }

  #write(folder: Folder, item: WriteItem): StoredSecret {
    return this.#state.writeSecret(folder, item.key, stored(item));
  }

  #refuseTakenName(folder: Folder, item: WriteItem): void {
    if (item.newKey === undefined || item.newKey === item.key) return;
    if (!folder.secrets.has(secretSlot(item.newKey, 'shared'))) return;
    throw new ApiFailure('bad-request', 'Secret with the new name already exists');
  }

  #rename(folder: Folder, item: WriteItem): StoredSecret {
    const written = this.#write(folder, item);
    if (item.newKey === undefined || item.newKey === item.key) return written;
    const renamed: StoredSecret = { ...written, key: item.newKey };
    folder.secrets.delete(secretSlot(item.key, 'shared'));
    folder.secrets.set(secretSlot(item.newKey, 'shared'), renamed);
    return renamed;
  }
}

function stored({ fields }: WriteItem): Partial<SecretFields> {
  const value = fields.value === undefined ? {} : { value: trimValue(fields.value) };
  const comment = fields.comment === undefined ? {} : { comment: fields.comment.trim() };
  return { ...fields, ...value, ...comment };
}

/** Outer white space goes; one final newline is put back. Half of a surrogate pair is no UTF-8 and cannot be stored: seen on June 2025
 * (row 35), July 2024 inferred. */
export function trimValue(value: string): string {
  const trimmed = value.trim();
  return (value.endsWith('\n') ? `${trimmed}\n` : trimmed).toWellFormed();
}
