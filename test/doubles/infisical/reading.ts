// The read model behind v4 and v3: list and single get, with hidden values, imports, recursion and references.
// Routes translate their own parameter names and defaults into a ReadRequest; what differs between servers is asked of their traits.
import { allows, memberProject, Refusals } from './access.ts';
import { ApiFailure } from './errors.ts';
import { importGroups } from './imports.ts';
import { renderItem } from './item.ts';
import { folderNotFound, requirePath } from './places.ts';
import { isBelow } from './paths.ts';
import { References } from './references.ts';
import { folderAt, secretSlot } from './state.ts';
import type { ReferenceWords, Traits } from './generations.ts';
import type { ImportedSecret, ImportGroup } from './imports.ts';
import type { Item, Shape } from './item.ts';
import type { Identity, Place, SecretType, StoredSecret } from './model.ts';
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

interface Listed {
  readonly place: Place;
  readonly secret: StoredSecret;
  /** undefined hides it. */
  readonly value: string | undefined;
}

export class SecretReader {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #refusals: Refusals;

  constructor(state: DoubleState, traits: Traits) {
    this.#state = state;
    this.#traits = traits;
    this.#refusals = new Refusals(traits);
  }

  list(request: ListRequest, unreadable: UnreadableInList): ListAnswer {
    const place = this.#placeOf(request);
    if (this.#traits.listNeeds === 'describe anywhere') {
      this.#refusals.requireAnywhere(request.identity, 'describe', place);
    }
    if (!request.recursive) requirePath(place.path, this.#traits);
    if (folderAt(place) === undefined) return this.#listOfNothing(place, request);
    if (this.#traits.listNeeds === 'describe on the folder') {
      this.#refusals.require(request.identity, 'describe', place);
    }
    const places = this.#placesToList(place, request.recursive);
    const listed = places.flatMap((each) => this.#listFolder(each, request, unreadable));
    const references = this.#references(request, this.#traits.listedReferenceWords);
    const secrets = this.#inOrder(this.#resolveOwn(listed, request, references)).map((each) =>
      this.#render(each.place, each.secret, each.value, 'list'),
    );
    if (!request.imports) return this.#traits.alwaysListsImports ? { secrets, imports: [] } : { secrets };
    const groups = importGroups(this.#traits.imports === 'direct and one level' ? places : [place], {
      identity: request.identity,
      traits: this.#traits,
      readable: request.viewValue,
    });
    return { secrets, imports: groups.map((group) => this.#renderGroup(place, group, request, references)) };
  }

  get(request: GetRequest): Item {
    const place = this.#placeOf(request);
    requirePath(place.path, this.#traits);
    const folder = folderAt(place);
    if (folder === undefined) throw folderNotFound(place, 'GetSecretByName', this.#traits);
    this.#refusals.require(request.identity, 'describe', place, request.name);
    const own = folder.secrets.get(secretSlot(request.name, request.type));
    if (own !== undefined) return this.#renderOwn(place, own, request);
    for (const group of [...(request.imports ? this.#groupsFor(place, request) : [])].reverse()) {
      const hit = group.secrets.find((imported) => imported.secret.key === request.name);
      if (hit !== undefined) return this.#renderImported(place, group, hit, request);
    }
    throw this.#missing(request.name);
  }

  byId(identity: Identity, id: string): Item {
    for (const project of this.#state.projects.values()) {
      for (const environment of project.environments.values()) {
        for (const folder of environment.folders.values()) {
          const secret = [...folder.secrets.values()].find((candidate) => candidate.id === id);
          if (secret === undefined) continue;
          memberProject(this.#state, identity, project.id, this.#traits);
          const place = { project, environment: environment.slug, path: folder.path };
          this.#refusals.require(identity, 'readValue', place, secret.key);
          return this.#render(place, secret, secret.value, 'single');
        }
      }
    }
    throw new ApiFailure('not-found', `Secret with ID '${id}' not found`, { error: 'GetSecretById' });
  }

  #placeOf(request: ReadRequest): Place {
    const project = memberProject(this.#state, request.identity, request.projectId, this.#traits, 'by route');
    return { project, environment: request.environment, path: request.path };
  }

  #listOfNothing(place: Place, request: ListRequest): ListAnswer {
    const { missingFolderList, alwaysListsImports } = this.#traits;
    if (missingFolderList === 'not found') {
      // Run on June 2025 with this rule of 2026 (row 2).
      const message = `Folder with path '${place.path}' in environment '${place.environment}' was not found. Please ensure the environment slug and secret path is correct.`;
      throw new ApiFailure('not-found', message, { error: 'SecretPathNotFound' });
    }
    // Read in the source of June 2025.
    if (request.recursive && alwaysListsImports && !place.project.environments.has(place.environment)) {
      const message = `Environment with slug '${place.environment}' in project with ID ${place.project.id} not found`;
      throw new ApiFailure('not-found', message);
    }
    return alwaysListsImports || request.imports ? { secrets: [], imports: [] } : { secrets: [] };
  }

  #placesToList(place: Place, recursive: boolean): readonly Place[] {
    if (!recursive) return [place];
    const all = place.project.environments.get(place.environment)?.folders.keys() ?? [];
    const depth = (path: string): number => path.split('/').length;
    const below = [...all].filter((path) => isBelow(path, place.path));
    const near = below.filter((path) => depth(path) - depth(place.path) <= RECURSION_CAP);
    return [place, ...near.map((path) => ({ ...place, path }))];
  }

  #listFolder(place: Place, request: ListRequest, unreadable: UnreadableInList): readonly Listed[] {
    const listed: Listed[] = [];
    for (const secret of folderAt(place)?.secrets.values() ?? []) {
      if (secret.type === 'personal' && !(request.personal && this.#traits.listsPersonal)) continue;
      if (request.tagSlugs.length > 0 && !secret.tags.some((tag) => request.tagSlugs.includes(tag.slug))) continue;
      if (!allows(request.identity, 'describe', place, secret.key)) continue;
      const readable = allows(request.identity, 'readValue', place, secret.key);
      if (request.viewValue && !readable) {
        if (place.path !== request.path) continue;
        if (unreadable === 'refuse') this.#refusals.require(request.identity, 'readValue', place, secret.key);
      }
      listed.push({ place, secret, value: request.viewValue && readable ? secret.value : undefined });
    }
    return listed;
  }

  /** Own values: June 2025 leaves text where it may not read, a current server refuses the list and names all of them (row 3). */
  #resolveOwn(listed: readonly Listed[], request: ListRequest, references: References): readonly Listed[] {
    if (!request.expand) return listed;
    const refused: string[] = [];
    const resolved = listed.map((each) => {
      const { place, secret, value } = each;
      if (value === undefined) return each;
      return { ...each, value: orText(() => references.resolve(subjectOf(secret, [place])), secret, refused) };
    });
    if (refused.length === 0 || this.#traits.unreadableReference === 'stays text') return resolved;
    throw refusedReferences(refused);
  }

  #inOrder(listed: readonly Listed[]): readonly Listed[] {
    const by = ({ secret }: Listed): string => (this.#traits.listOrder === 'id' ? secret.id : secret.key);
    return [...listed].sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
  }

  #groupsFor(place: Place, { identity, viewValue }: GetRequest): readonly ImportGroup[] {
    const readable = viewValue && this.#traits.hiddenImport === 'passed over';
    return importGroups([place], { identity, traits: this.#traits, readable });
  }

  #renderOwn(place: Place, stored: StoredSecret, request: GetRequest): Item {
    const secret = this.#versionOf(stored, request);
    // References come first: where one is refused, nobody asks any more whether the value itself may be read.
    const value = request.expand ? this.#resolveSingle(secret, [place], request) : secret.value;
    if (!request.viewValue) return this.#render(place, secret, undefined, 'single');
    if (!allows(request.identity, 'readValue', place, secret.key)) throw this.#hidden(place, secret.key, request);
    return this.#render(place, secret, value, 'single');
  }

  #renderImported(home: Place, group: ImportGroup, hit: ImportedSecret, request: GetRequest): Item {
    const secret = this.#versionOf(hit.secret, request);
    if (!request.viewValue) return this.#render(group.source, secret, undefined, 'single');
    const asked = { ...group.source, environment: hit.place.environment };
    if (!allows(request.identity, 'readValue', asked, secret.key)) {
      // Seen on June 2025 (row 6).
      const message = `You do not have permission to view secret import value on secret with name '${secret.key}'`;
      throw new ApiFailure('forbidden', message, { error: 'ForbiddenReadSecretError' });
    }
    const references = this.#references(request, this.#traits.referenceWords);
    const value = request.expand ? this.#resolveImported(secret, home, group, references) : secret.value;
    return this.#render(group.source, secret, value, 'single');
  }

  #versionOf(secret: StoredSecret, request: GetRequest): StoredSecret {
    const value = request.version === undefined ? secret.value : secret.history.get(request.version);
    if (value === undefined) throw this.#missing(secret.key);
    return { ...secret, value, version: request.version ?? secret.version };
  }

  #resolveSingle(secret: StoredSecret, places: readonly [Place, ...Place[]], request: GetRequest): string | undefined {
    if (!request.viewValue) return undefined;
    const references = this.#references(request, this.#traits.referenceWords);
    try {
      return references.resolve(subjectOf(secret, places));
    } catch (error) {
      // A single value is refused in the sentence itself (row 5); the double's words for July 2024 stay what they were.
      const brief = this.#traits.referenceWords === 'brief' && error instanceof ApiFailure;
      throw brief ? refusedReferences([error.message]) : error;
    }
  }

  /** Imported values are swallowed where they may not be resolved, in lists and singly (row 4). */
  #resolveImported(secret: StoredSecret, home: Place, { source }: ImportGroup, references: References): string {
    const refused: string[] = [];
    // June 2025 knows the folder that is imported alone; a current server looks into the importing one first, as its documentation says.
    const subject = subjectOf(secret, this.#traits.references === '2025' ? [source] : [home, source]);
    const value = orText(() => references.resolve(subject), secret, refused);
    if (refused.length > 0 && this.#traits.unreadableImportedReference === 'refused') throw refusedReferences(refused);
    return value;
  }

  #renderGroup(home: Place, group: ImportGroup, request: ListRequest, references: References): object {
    // Read in the sources of June 2025 and of 2026: each key once, and references followed whether they were asked for or not.
    const current = this.#traits.imports === 'direct and one level';
    const secrets = current ? firstOfEach(group.secrets) : group.secrets;
    const items = secrets.map(({ place, secret }) => {
      const follows = request.viewValue && (current || request.expand);
      const value = follows ? this.#resolveImported(secret, home, group, references) : secret.value;
      return this.#render(place, secret, request.viewValue ? value : undefined, 'imported');
    });
    const { path: secretPath, environment } = group.link;
    return {
      secretPath,
      environment,
      ...(group.folderId !== undefined && { folderId: group.folderId }),
      secrets: items,
    };
  }

  #references({ identity }: ReadRequest, words: ReferenceWords): References {
    return new References(this.#state, identity, this.#traits, words);
  }

  #render(place: Place, secret: StoredSecret, value: string | undefined, shape: Shape): Item {
    return renderItem({ place, secret, value, shape, traits: this.#traits });
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

function subjectOf(secret: StoredSecret, places: readonly [Place, ...Place[]]): Parameters<References['resolve']>[0] {
  return { key: secret.key, text: secret.value, quotes: secret.skipMultilineEncoding, places };
}

/** The whole value as it is stored, where it cannot be resolved; why is noted. */
function orText(resolve: () => string, secret: StoredSecret, refused: string[]): string {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    refused.push(error.message);
    return secret.value;
  }
}

function firstOfEach(secrets: readonly ImportedSecret[]): readonly ImportedSecret[] {
  const first = new Map<string, ImportedSecret>();
  for (const each of secrets) if (!first.has(each.secret.key)) first.set(each.secret.key, each);
  return [...first.values()];
}

function refusedReferences(details: readonly string[]): ApiFailure {
  return new ApiFailure('forbidden', 'Failed to expand one or more secret references', { details });
}
