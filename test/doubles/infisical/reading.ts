// The single get behind v4 and v3, by name and by id: own secrets, imported ones, hidden values, references.
// Routes translate their own parameter names and defaults into a request; what differs between servers is asked of their traits.
import { allows, memberProject, Refusals } from './access.ts';
import { ApiFailure } from './errors.ts';
import { importGroups } from './imports.ts';
import { renderItem } from './item.ts';
import { folderNotFound, requirePath } from './places.ts';
import { folderAt, secretSlot } from './state.ts';
import { Values } from './values.ts';
import type { Traits } from './generations.ts';
import type { ImportedSecret, ImportGroup } from './imports.ts';
import type { Item } from './item.ts';
import type { Folder, Identity, Place, StoredSecret } from './model.ts';
import type { GetRequest } from './read-request.ts';
import type { DoubleState } from './state.ts';

export class SecretReader {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #refusals: Refusals;

  constructor(state: DoubleState, traits: Traits) {
    this.#state = state;
    this.#traits = traits;
    this.#refusals = new Refusals(traits);
  }

  get(request: GetRequest): Item {
    const { identity, projectId, environment, path, name } = request;
    const project = memberProject(this.#state, identity, projectId, this.#traits, 'by route');
    const place = { project, environment, path };
    requirePath(path, this.#traits);
    const folder = folderAt(place);
    if (folder === undefined) throw folderNotFound(place, 'GetSecretByName', this.#traits);
    this.#refusals.require(identity, 'describe', place, name);
    const own = this.#ownIn(folder, request);
    if (own !== undefined) return this.#renderOwn(place, own, request);
    for (const group of [...(request.imports ? this.#groupsFor(place, request) : [])].reverse()) {
      const hit = group.secrets.find((imported) => imported.secret.key === name);
      if (hit !== undefined) return this.#renderImported(place, group, hit, request);
    }
    throw this.#missing(name);
  }

  byId(identity: Identity, id: string): Item {
    const found = this.#findById(id);
    if (found === undefined) {
      throw new ApiFailure('not-found', `Secret with ID '${id}' not found`, { error: 'GetSecretById' });
    }
    const { place, secret } = found;
    memberProject(this.#state, identity, place.project.id, this.#traits);
    this.#refusals.require(identity, 'readValue', place, secret.key);
    return this.#render(place, secret, secret.value);
  }

  #findById(id: string): { readonly place: Place; readonly secret: StoredSecret } | undefined {
    for (const project of this.#state.projects.values()) {
      for (const environment of project.environments.values()) {
        for (const folder of environment.folders.values()) {
          const secret = [...folder.secrets.values()].find((candidate) => candidate.id === id);
          if (secret !== undefined) {
            return { place: { project, environment: environment.slug, path: folder.path }, secret };
          }
        }
      }
    }
    return undefined;
  }

  #ownIn(folder: Folder, { name, type }: GetRequest): StoredSecret | undefined {
    if (type === 'personal' && !this.#traits.personalToIdentities) return undefined;
    return folder.secrets.get(secretSlot(name, type));
  }

  #groupsFor(place: Place, { identity, viewValue }: GetRequest): readonly ImportGroup[] {
    const readable = viewValue && this.#traits.hiddenImport === 'passed over';
    return importGroups([place], { identity, traits: this.#traits, readable });
  }

  #renderOwn(place: Place, stored: StoredSecret, request: GetRequest): Item {
    const secret = this.#versionOf(stored, request);
    if (!request.viewValue) return this.#render(place, secret, undefined);
    // References come first: where one is refused, nobody asks any more whether the value itself may be read.
    const value = request.expand ? this.#values(request).ofOne(secret, place) : secret.value;
    if (!allows(request.identity, 'readValue', place, secret.key)) throw this.#hidden(place, secret.key, request);
    return this.#render(place, secret, value);
  }

  #renderImported(home: Place, group: ImportGroup, hit: ImportedSecret, request: GetRequest): Item {
    const secret = this.#versionOf(hit.secret, request);
    if (!request.viewValue) return this.#render(group.source, secret, undefined);
    const asked = { ...group.source, environment: hit.place.environment };
    if (!allows(request.identity, 'readValue', asked, secret.key)) {
      // Seen on June 2025 (row 6).
      const message = `You do not have permission to view secret import value on secret with name '${secret.key}'`;
      throw new ApiFailure('forbidden', message, { error: 'ForbiddenReadSecretError' });
    }
    const value = request.expand ? this.#values(request).ofImport(secret, home, group) : secret.value;
    return this.#render(group.source, secret, value);
  }

  #versionOf(secret: StoredSecret, request: GetRequest): StoredSecret {
    const value = request.version === undefined ? secret.value : secret.history.get(request.version);
    if (value === undefined) throw this.#missing(secret.key);
    return { ...secret, value, version: request.version ?? secret.version };
  }

  #values({ identity }: GetRequest): Values {
    return new Values(this.#state, this.#traits, identity);
  }

  #render(place: Place, secret: StoredSecret, value: string | undefined): Item {
    return renderItem({ place, secret, value, shape: 'single', traits: this.#traits });
  }

  #hidden(place: Place, key: string, { identity }: GetRequest): ApiFailure {
    if (!this.#traits.hiddenValues) return this.#refusals.refusal(identity, 'readValue', place, 'secrets');
    const message = `You do not have permission to view secret value on secret with name '${key}'`;
    return new ApiFailure('forbidden', message, { error: 'ForbiddenReadSecretError' });
  }

  #missing(name: string): ApiFailure {
    if (this.#traits.invertedStatuses) return new ApiFailure('bad-request', 'Secret not found');
    return new ApiFailure('not-found', `Secret with name '${name}' not found`);
  }
}
