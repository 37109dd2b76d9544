// The write model behind v4 and v3: create, update, delete and the batches, each batch one transaction.
// Values are trimmed here, as the server does on every write; builders in state.ts bypass that on purpose.
import { memberProject, requireAccess } from './access.ts';
import { ApiFailure } from './errors.ts';
import { folderAt, folderNotFoundText, secretSlot } from './state.ts';
import type { Folder, Generation, Identity, Place, SecretType, StoredSecret } from './model.ts';
import type { DoubleState, SecretFields } from './state.ts';

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
  readonly #generation: Generation;

  constructor(state: DoubleState, generation: Generation) {
    this.#state = state;
    this.#generation = generation;
  }

  create(target: WriteTarget, items: readonly WriteItem[]): Written {
    const { place, folder } = this.#open(target);
    for (const item of items) requireAccess(target.identity, 'create', place, item.key);
    const taken = items.filter((item) => folder.secrets.has(secretSlot(item.key, 'shared'))).map((item) => item.key);
    if (taken.length > 0) {
      throw new ApiFailure(
        'bad-request',
        items.length === 1 ? 'Secret already exists' : `Secret already exists: ${taken.join(', ')}`,
      );
    }
    return { place, secrets: items.map((item) => this.#write(folder, item)) };
  }

  update(target: WriteTarget, items: readonly WriteItem[], mode: BatchMode): Written {
    const { place, folder } = this.#open(target);
    const missing = items.filter((item) => !folder.secrets.has(secretSlot(item.key, 'shared')));
    const [first] = missing;
    if (first !== undefined && mode === 'failOnNotFound')
      throw this.#missing(`Secret with name '${first.key}' not found`);
    const wanted = mode === 'ignore' ? items.filter((item) => !missing.includes(item)) : items;
    for (const item of wanted) {
      requireAccess(target.identity, missing.includes(item) ? 'create' : 'edit', place, item.key);
      this.#refuseTakenName(folder, item);
    }
    return { place, secrets: wanted.map((item) => this.#rename(folder, item)) };
  }

  remove(target: WriteTarget, keys: readonly string[]): Written {
    const { place, folder } = this.#open(target);
    const secrets = keys.map((key) => {
      requireAccess(target.identity, 'delete', place, key);
      const secret = folder.secrets.get(secretSlot(key, 'shared'));
      if (secret === undefined) throw this.#missing(`Secret with name '${key}' not found`);
      return secret;
    });
    for (const key of keys) folder.secrets.delete(secretSlot(key, 'shared'));
    return { place, secrets };
  }

  refusePersonal(type: SecretType): void {
    if (type === 'shared') return;
    throw new ApiFailure('bad-request', 'Must be user to create personal secret');
  }

  #open(target: WriteTarget): { readonly place: Place; readonly folder: Folder } {
    const { identity, projectId, environment, path } = target;
    const project = memberProject(this.#state, identity, projectId, this.#generation);
    const place = { project, environment, path };
    const folder = folderAt(place);
    if (folder === undefined) throw this.#missing(folderNotFoundText(place));
    return { place, folder };
  }

  #write(folder: Folder, { key, fields }: WriteItem): StoredSecret {
    const value = fields.value === undefined ? {} : { value: trimValue(fields.value) };
    const comment = fields.comment === undefined ? {} : { comment: fields.comment.trim() };
    return this.#state.writeSecret(folder, key, { ...fields, ...value, ...comment });
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

  #missing(message: string): ApiFailure {
    return new ApiFailure(this.#generation === 'v4' ? 'not-found' : 'bad-request', message);
  }
}

/** Outer white space goes; one final newline is put back. */
export function trimValue(value: string): string {
  const trimmed = value.trim();
  return value.endsWith('\n') ? `${trimmed}\n` : trimmed;
}
