// Everything the pretended server stores, with builders for tests. Builders write straight into the "database":
// they neither trim values nor check names, so that a test can store what an older server would have accepted.
import { randomUUID } from 'node:crypto';
import { joinPath, normalisePath, segmentsOf } from './paths.ts';
import type {
  Clock,
  Denial,
  Environment,
  Folder,
  Identity,
  Lockout,
  Place,
  Project,
  SecretMetadata,
  SecretTag,
  SecretType,
  StoredSecret,
  TrustedAddresses,
} from './model.ts';

export interface IdentityInput {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accessTokenTtl?: number | undefined;
  readonly accessTokenMaxTtl?: number | undefined;
  readonly accessTokenUsesLimit?: number | undefined;
  readonly clientSecretTtl?: number | undefined;
  readonly clientSecretUsesLimit?: number | undefined;
  readonly lockout?: Partial<Lockout> | undefined;
  readonly projects?: readonly string[] | undefined;
  readonly builtInRole?: boolean | undefined;
  readonly trusted?: Partial<TrustedAddresses> | undefined;
}

export interface ProjectInput {
  readonly id: string;
  readonly slug?: string | undefined;
  readonly environments?: readonly string[] | undefined;
}

export interface PlaceInput {
  readonly project: string;
  readonly environment: string;
  readonly path?: string | undefined;
}

export interface SecretFields {
  readonly value: string;
  readonly comment?: string | undefined;
  readonly type?: SecretType | undefined;
  readonly skipMultilineEncoding?: boolean | undefined;
  readonly metadata?: readonly SecretMetadata[] | undefined;
  readonly tags?: readonly SecretTag[] | undefined;
}

export type SecretInput = PlaceInput & SecretFields & { readonly key: string };

const DEFAULT_LOCKOUT: Lockout = { enabled: true, threshold: 3, durationSeconds: 300, counterResetSeconds: 30 };
const THIRTY_DAYS = 2_592_000;

export class DoubleState {
  readonly #projects = new Map<string, Project>();
  readonly #identities = new Map<string, Identity>();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  get projects(): ReadonlyMap<string, Project> {
    return this.#projects;
  }

  get identities(): ReadonlyMap<string, Identity> {
    return this.#identities;
  }

  addIdentity(input: IdentityInput): Identity {
    const identity: Identity = {
      id: randomUUID(),
      clientId: input.clientId,
      clientSecret: input.clientSecret,
      createdAt: this.#now(),
      accessTokenTtl: input.accessTokenTtl ?? THIRTY_DAYS,
      accessTokenMaxTtl: input.accessTokenMaxTtl ?? THIRTY_DAYS,
      accessTokenUsesLimit: input.accessTokenUsesLimit ?? 0,
      clientSecretTtl: input.clientSecretTtl ?? 0,
      clientSecretUsesLimit: input.clientSecretUsesLimit ?? 0,
      lockout: { ...DEFAULT_LOCKOUT, ...input.lockout },
      projects: input.projects,
      denials: [],
      builtInRole: input.builtInRole ?? false,
      trusted: { login: undefined, token: undefined, ...input.trusted },
    };
    this.#identities.set(identity.clientId, identity);
    return identity;
  }

  /** As if an administrator deleted the identity: its tokens and its client secret stop working. */
  removeIdentity(clientId: string): void {
    this.#identities.delete(clientId);
  }

  deny(clientId: string, denial: Denial): void {
    const identity = this.#identities.get(clientId);
    if (identity === undefined) throw new Error(`the double has no identity ${clientId}`);
    identity.denials.push(denial);
  }

  allowAll(clientId: string): void {
    this.#identities.get(clientId)?.denials.splice(0);
  }

  /** As an administrator changes it; tokens that are out are judged by it too. */
  trust(clientId: string, trusted: Partial<TrustedAddresses>): void {
    const identity = this.#identities.get(clientId);
    if (identity === undefined) throw new Error(`the double has no identity ${clientId}`);
    Object.assign(identity.trusted, trusted);
  }

  addProject(input: ProjectInput): Project {
    const project: Project = { id: input.id, slug: input.slug ?? input.id, environments: new Map() };
    this.#projects.set(project.id, project);
    for (const slug of input.environments ?? ['dev', 'staging', 'prod']) this.#environment(project, slug);
    return project;
  }

  addFolder(place: PlaceInput): Folder {
    const project = this.#projects.get(place.project);
    if (project === undefined) throw new Error(`the double has no project ${place.project}`);
    return this.makeFolder(this.#environment(project, place.environment), place.path ?? '/');
  }

  /** Makes the folder and its missing parents. */
  makeFolder(environment: Environment, path: string): Folder {
    let current = '/';
    let folder = this.#folder(environment, '/');
    for (const segment of segmentsOf(normalisePath(path))) {
      current = joinPath(current, segment);
      folder = this.#folder(environment, current);
    }
    return folder;
  }

  #folder(environment: Environment, path: string): Folder {
    const known = environment.folders.get(path);
    if (known !== undefined) return known;
    const createdAt = new Date(this.#now()).toISOString();
    const made: Folder = { id: randomUUID(), path, createdAt, secrets: new Map(), imports: [] };
    environment.folders.set(path, made);
    return made;
  }

  deleteFolder(place: PlaceInput): void {
    const environment = this.#projects.get(place.project)?.environments.get(place.environment);
    environment?.folders.delete(normalisePath(place.path ?? '/'));
  }

  setSecret(input: SecretInput): StoredSecret {
    return this.writeSecret(this.addFolder(input), input.key, input);
  }

  writeSecret(folder: Folder, key: string, fields: Partial<SecretFields>): StoredSecret {
    return this.#store(folder, secretSlot(key, fields.type ?? 'shared'), key, fields);
  }

  /** A second secret of the same name, which the server's database allows. */
  addBeside(folder: Folder, key: string, fields: Partial<SecretFields>): StoredSecret {
    return this.#store(folder, `${secretSlot(key, 'shared')} ${randomUUID()}`, key, fields);
  }

  #store(folder: Folder, slot: string, key: string, fields: Partial<SecretFields>): StoredSecret {
    const type = fields.type ?? 'shared';
    const old = folder.secrets.get(slot);
    const time = new Date(this.#now()).toISOString();
    const value = fields.value ?? old?.value ?? '';
    const version = (old?.version ?? 0) + 1;
    const secret: StoredSecret = {
      id: old?.id ?? randomUUID(),
      key,
      value,
      comment: fields.comment ?? old?.comment ?? '',
      type,
      version,
      createdAt: old?.createdAt ?? time,
      updatedAt: time,
      skipMultilineEncoding: fields.skipMultilineEncoding ?? old?.skipMultilineEncoding ?? false,
      metadata: fields.metadata ?? old?.metadata ?? [],
      tags: fields.tags ?? old?.tags ?? [],
      history: new Map([...(old?.history ?? []), [version, value]]),
    };
    folder.secrets.set(slot, secret);
    return secret;
  }

  deleteSecret(input: PlaceInput & { readonly key: string; readonly type?: SecretType | undefined }): boolean {
    const environment = this.#projects.get(input.project)?.environments.get(input.environment);
    const folder = environment?.folders.get(normalisePath(input.path ?? '/'));
    return folder?.secrets.delete(secretSlot(input.key, input.type ?? 'shared')) ?? false;
  }

  /** Appends an import; the last one added has the highest precedence, as in the web UI's list. */
  addImport(input: PlaceInput & { readonly fromEnvironment: string; readonly fromPath?: string | undefined }): void {
    this.addFolder(input).imports.push({
      id: randomUUID(),
      environment: input.fromEnvironment,
      path: normalisePath(input.fromPath ?? '/'),
    });
  }

  projectBySlug(slug: string): Project | undefined {
    return [...this.#projects.values()].find((project) => project.slug === slug);
  }

  #environment(project: Project, slug: string): Environment {
    const known = project.environments.get(slug);
    if (known !== undefined) return known;
    const made: Environment = { id: randomUUID(), slug, folders: new Map() };
    this.makeFolder(made, '/');
    project.environments.set(slug, made);
    return made;
  }
}

/** A personal and a shared secret of one name live beside each other. */
export function secretSlot(key: string, type: SecretType): string {
  return `${type}:${key}`;
}

export function folderAt(place: Place): Folder | undefined {
  return place.project.environments.get(place.environment)?.folders.get(place.path);
}
