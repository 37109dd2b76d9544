// The list behind v4 and v3: hidden values, recursion, imports. What differs between servers is asked of their traits.
import { allows, memberProject, Refusals } from './access.ts';
import { ApiFailure } from './errors.ts';
import { importGroups } from './imports.ts';
import { renderItem } from './item.ts';
import { requirePath } from './places.ts';
import { isBelow } from './paths.ts';
import { folderAt } from './state.ts';
import { Values } from './values.ts';
import type { Traits } from './generations.ts';
import type { ImportedSecret, ImportGroup } from './imports.ts';
import type { Item } from './item.ts';
import type { Place, StoredSecret } from './model.ts';
import type { ListRequest, UnreadableInList } from './read-request.ts';
import type { DoubleState } from './state.ts';

export interface ListAnswer {
  readonly secrets: readonly Item[];
  readonly imports?: readonly object[];
}

/** The server stops descending here. */
const RECURSION_CAP = 20;

interface Listed {
  readonly place: Place;
  readonly secret: StoredSecret;
  /** undefined hides it. */
  readonly value: string | undefined;
}

export class SecretLister {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #refusals: Refusals;

  constructor(state: DoubleState, traits: Traits) {
    this.#state = state;
    this.#traits = traits;
    this.#refusals = new Refusals(traits);
  }

  list(request: ListRequest, unreadable: UnreadableInList): ListAnswer {
    const place = this.#open(request);
    if (folderAt(place) === undefined) return this.#listOfNothing(place, request);
    if (this.#traits.listNeeds === 'describe on the folder') {
      this.#refusals.require(request.identity, 'describe', place);
    }
    const places = placesToList(place, request.recursive);
    const values = new Values(this.#state, this.#traits, request.identity);
    const listed = places.flatMap((each) => this.#listFolder(each, request, unreadable));
    const secrets = this.#inOrder(request.expand ? withValues(listed, values) : listed).map(this.#render);
    if (!request.imports) return this.#traits.alwaysListsImports ? { secrets, imports: [] } : { secrets };
    const groups = this.#groupsOf(places, request);
    return { secrets, imports: groups.map((group) => this.#renderGroup(place, group, request, values)) };
  }

  #open(request: ListRequest): Place {
    const { identity, projectId, environment, path } = request;
    const project = memberProject(this.#state, identity, projectId, this.#traits, 'by route');
    const place = { project, environment, path };
    if (this.#traits.listNeeds === 'describe anywhere') this.#refusals.requireAnywhere(identity, 'describe', place);
    // A recursive list looks for its folders in another way, without a rule for their characters.
    if (!request.recursive) requirePath(path, this.#traits);
    return place;
  }

  #listOfNothing({ path, environment, project }: Place, request: ListRequest): ListAnswer {
    const { missingFolderList, alwaysListsImports } = this.#traits;
    if (missingFolderList === 'not found') {
      // Run on June 2025 with this rule of 2026 (row 2).
      const message = `Folder with path '${path}' in environment '${environment}' was not found. Please ensure the environment slug and secret path is correct.`;
      throw new ApiFailure('not-found', message, { error: 'SecretPathNotFound' });
    }
    // Read in the source of June 2025.
    if (request.recursive && alwaysListsImports && !project.environments.has(environment)) {
      const message = `Environment with slug '${environment}' in project with ID ${project.id} not found`;
      throw new ApiFailure('not-found', message);
    }
    return alwaysListsImports || request.imports ? { secrets: [], imports: [] } : { secrets: [] };
  }

  #listFolder(place: Place, request: ListRequest, unreadable: UnreadableInList): readonly Listed[] {
    const listed: Listed[] = [];
    for (const secret of folderAt(place)?.secrets.values() ?? []) {
      if (secret.type === 'personal' && !(request.personal && this.#traits.personalToIdentities)) continue;
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

  #inOrder(listed: readonly Listed[]): readonly Listed[] {
    const by = ({ secret }: Listed): string => (this.#traits.listOrder === 'id' ? secret.id : secret.key);
    return [...listed].sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
  }

  /** Read in the sources of June 2025 and of 2026: of every folder that is listed, and not of the one that was asked for alone. */
  #groupsOf(places: readonly Place[], { identity, viewValue }: ListRequest): readonly ImportGroup[] {
    const importing = this.#traits.imports === 'direct and one level' ? places : places.slice(0, 1);
    return importGroups(importing, { identity, traits: this.#traits, readable: viewValue });
  }

  #renderGroup(home: Place, group: ImportGroup, request: ListRequest, values: Values): object {
    // Read in the same sources: each key once, and references followed whether that was asked for or not.
    const current = this.#traits.imports === 'direct and one level';
    const secrets = current ? firstOfEach(group.secrets) : group.secrets;
    const follows = current || request.expand;
    const valueOf = (secret: StoredSecret): string => (follows ? values.ofImport(secret, home, group) : secret.value);
    const items = secrets.map(({ place, secret }) => {
      const value = request.viewValue ? valueOf(secret) : undefined;
      return renderItem({ place, secret, value, shape: 'imported', traits: this.#traits });
    });
    const { link, folderId } = group;
    const origin = { secretPath: link.path, environment: link.environment };
    return { ...origin, ...(folderId !== undefined && { folderId }), secrets: items };
  }

  readonly #render = ({ place, secret, value }: Listed): Item =>
    renderItem({ place, secret, value, shape: 'list', traits: this.#traits });
}

function placesToList(place: Place, recursive: boolean): readonly Place[] {
  if (!recursive) return [place];
  const all = place.project.environments.get(place.environment)?.folders.keys() ?? [];
  const depth = (path: string): number => path.split('/').length;
  const below = [...all].filter((path) => isBelow(path, place.path));
  const near = below.filter((path) => depth(path) - depth(place.path) <= RECURSION_CAP);
  return [place, ...near.map((path) => ({ ...place, path }))];
}

function withValues(listed: readonly Listed[], values: Values): readonly Listed[] {
  const shown = listed.filter(({ value }) => value !== undefined);
  const resolved = values.ofList(shown);
  const valueOf = new Map(shown.map((each, at) => [each, resolved[at]]));
  return listed.map((each) => ({ ...each, value: valueOf.get(each) }));
}

function firstOfEach(secrets: readonly ImportedSecret[]): readonly ImportedSecret[] {
  const first = new Map<string, ImportedSecret>();
  for (const each of secrets) if (!first.has(each.secret.key)) first.set(each.secret.key, each);
  return [...first.values()];
}
