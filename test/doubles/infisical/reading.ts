// The read model behind v4 and v3: list and single get, with hidden values, imports, recursion and references.
// Routes translate their own parameter names and defaults into a ReadRequest; statuses differ by generation only here.
import { allows, memberProject, requireAccess } from './access.ts';
import { ApiFailure } from './errors.ts';
import { Expansion } from './expansion.ts';
import { importGroups } from './imports.ts';
import { renderItem } from './item.ts';
import { isBelow } from './paths.ts';
import { folderAt, folderNotFoundText, secretSlot } from './state.ts';
import type { ImportGroup, ImportedSecret } from './imports.ts';
import type { Item, Shape } from './item.ts';
import type { Generation, Identity, Place, SecretType, StoredSecret } from './model.ts';
import type { DoubleState } from './state.ts';

export interface ReadRequest {
  readonly identity: Identity;
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
  readonly viewValue: boolean;
  readonly expand: boolean;
  readonly imports: boolean;
}

export interface ListRequest extends ReadRequest {
  readonly recursive: boolean;
  readonly personal: boolean;
  readonly tagSlugs: readonly string[];
}

export interface GetRequest extends ReadRequest {
  readonly name: string;
  readonly type: SecretType;
  readonly version: number | undefined;
}

export interface ListAnswer {
  readonly secrets: readonly Item[];
  readonly imports?: readonly object[];
}

/** What to do with an unreadable value in the listed folder: the Node server refuses, the Go port hides. */
export type UnreadableInList = 'refuse' | 'hide';

/** The server stops descending here. */
const RECURSION_CAP = 20;

export class SecretReader {
  readonly #state: DoubleState;
  readonly #generation: Generation;

  constructor(state: DoubleState, generation: Generation) {
    this.#state = state;
    this.#generation = generation;
  }

  list(request: ListRequest, unreadable: UnreadableInList): ListAnswer {
    const place = this.#placeOf(request);
    const folder = folderAt(place);
    if (folder === undefined) {
      if (this.#generation === '2024') return request.imports ? { secrets: [], imports: [] } : { secrets: [] };
      throw new ApiFailure('not-found', folderNotFoundText(place), { error: 'SecretPathNotFound' });
    }
    requireAccess(request.identity, 'describe', place);
    const expansion = new Expansion(this.#state, request.identity);
    const listed = this.#foldersToList(place, request.recursive).flatMap((path) =>
      this.#listFolder({ ...place, path }, request, unreadable, expansion),
    );
    const groups = request.imports ? this.#importGroups(place, request) : undefined;
    const imports = groups?.map((group) => this.#renderGroup(place, group, request, expansion));
    refuseUnreadable(expansion);
    const secrets = listed.sort((a, b) => (a.secretKey < b.secretKey ? -1 : a.secretKey > b.secretKey ? 1 : 0));
    return imports === undefined ? { secrets } : { secrets, imports };
  }

  get(request: GetRequest): Item {
    const place = this.#placeOf(request);
    const folder = folderAt(place);
    if (folder === undefined) throw this.#missing(folderNotFoundText(place), 'GetSecretByName');
    const own = folder.secrets.get(secretSlot(request.name, request.type));
    if (own !== undefined) return this.#renderOwn(place, own, request);
    requireAccess(request.identity, 'describe', place, request.name);
    for (const group of [...(request.imports ? this.#importGroups(place, request) : [])].reverse()) {
      const hit = group.secrets.find((imported) => imported.secret.key === request.name);
      if (hit !== undefined) return this.#renderSingle(hit, [place, hit.place], request);
    }
    throw this.#missing(`Secret with name '${request.name}' not found`, 'NotFound');
  }

  byId(identity: Identity, id: string): Item {
    for (const project of this.#state.projects.values()) {
      for (const environment of project.environments.values()) {
        for (const folder of environment.folders.values()) {
          const secret = [...folder.secrets.values()].find((candidate) => candidate.id === id);
          if (secret === undefined) continue;
          memberProject(this.#state, identity, project.id, this.#generation);
          const place = { project, environment: environment.slug, path: folder.path };
          requireAccess(identity, 'readValue', place, secret.key);
          return renderItem({ place, secret, value: secret.value, shape: 'single', generation: this.#generation });
        }
      }
    }
    throw new ApiFailure('not-found', `Secret with ID '${id}' not found`);
  }

  #placeOf(request: ReadRequest): Place {
    const project = memberProject(this.#state, request.identity, request.projectId, this.#generation);
    return { project, environment: request.environment, path: request.path };
  }

  #importGroups(place: Place, request: ReadRequest): readonly ImportGroup[] {
    const { identity } = request;
    return importGroups(place, { identity, generation: this.#generation, values: request.viewValue });
  }

  #foldersToList(place: Place, recursive: boolean): readonly string[] {
    if (!recursive) return [place.path];
    const all = place.project.environments.get(place.environment)?.folders.keys() ?? [];
    const depth = (path: string): number => path.split('/').length;
    const below = [...all].filter((path) => isBelow(path, place.path));
    return [place.path, ...below.filter((path) => depth(path) - depth(place.path) <= RECURSION_CAP)];
  }

  #listFolder(place: Place, request: ListRequest, unreadable: UnreadableInList, expansion: Expansion): Item[] {
    const items: Item[] = [];
    for (const secret of folderAt(place)?.secrets.values() ?? []) {
      if (secret.type === 'personal' && !request.personal) continue;
      if (request.tagSlugs.length > 0 && !secret.tags.some((tag) => request.tagSlugs.includes(tag.slug))) continue;
      if (!allows(request.identity, 'describe', place, secret.key)) continue;
      const readable = this.#readable(request, place, secret);
      if (request.viewValue && !readable) {
        if (place.path !== request.path) continue;
        if (unreadable === 'refuse') requireAccess(request.identity, 'readValue', place, secret.key);
      }
      const value = request.viewValue && readable ? expandIf(request.expand, expansion, secret, [place]) : undefined;
      items.push(this.#render(place, secret, value, 'list'));
    }
    return items;
  }

  #renderOwn(place: Place, secret: StoredSecret, request: GetRequest): Item {
    requireAccess(request.identity, 'describe', place, secret.key);
    if (request.viewValue && !this.#readable(request, place, secret)) {
      if (this.#generation === '2024') requireAccess(request.identity, 'readValue', place, secret.key);
      throw new ApiFailure('forbidden', `You are not allowed to read the value of secret '${secret.key}'`, {
        error: 'ForbiddenReadSecretError',
      });
    }
    return this.#renderSingle({ place, secret }, [place], request);
  }

  #renderSingle(hit: ImportedSecret, places: readonly Place[], request: GetRequest): Item {
    const stored = request.version === undefined ? hit.secret.value : hit.secret.history.get(request.version);
    if (stored === undefined) throw this.#missing(`Secret with name '${hit.secret.key}' not found`, 'NotFound');
    const version = request.version ?? hit.secret.version;
    const secret: StoredSecret = { ...hit.secret, value: stored, version };
    const expansion = new Expansion(this.#state, request.identity);
    const value = request.viewValue ? expandIf(request.expand, expansion, secret, places) : undefined;
    refuseUnreadable(expansion);
    return this.#render(hit.place, secret, value, 'single');
  }

  #renderGroup(home: Place, group: ImportGroup, request: ListRequest, expansion: Expansion): object {
    const secrets = group.secrets.map(({ place, secret }) => {
      const value = request.viewValue ? expandIf(request.expand, expansion, secret, [home, place]) : undefined;
      return this.#render(place, secret, value, 'imported');
    });
    const { path: secretPath, environment } = group.link;
    return { secretPath, environment, ...(group.folderId !== undefined && { folderId: group.folderId }), secrets };
  }

  #render(place: Place, secret: StoredSecret, value: string | undefined, shape: Shape): Item {
    return renderItem({ place, secret, value, shape, generation: this.#generation });
  }

  #readable(request: ReadRequest, place: Place, secret: StoredSecret): boolean {
    return allows(request.identity, 'readValue', place, secret.key);
  }

  #missing(message: string, error: string): ApiFailure {
    if (this.#generation === 'v4') return new ApiFailure('not-found', message, { error });
    return new ApiFailure('bad-request', error === 'NotFound' ? 'Secret not found' : 'Folder not found');
  }
}

function expandIf(wanted: boolean, expansion: Expansion, secret: StoredSecret, places: readonly Place[]): string {
  return wanted ? expansion.expand(secret, places) : secret.value;
}

function refuseUnreadable(expansion: Expansion): void {
  if (expansion.unreadable.size === 0) return;
  throw new ApiFailure('forbidden', 'Failed to expand one or more secret references', {
    details: [...expansion.unreadable].map((reference) => `You are not allowed to read the value of \${${reference}}`),
  });
}
