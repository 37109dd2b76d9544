// Turns the query of a list or get call into a ReadRequest. A dialect names what differs between v4 and v3/raw:
// field names, flag spellings and defaults. Unknown spellings are ignored, which is how a client loses its imports.
import { memberProject } from './access.ts';
import { ApiFailure } from './errors.ts';
import { normalisePath, withoutLastSlash } from './paths.ts';
import type { Fields } from './fields.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { ReadRequest } from './read-request.ts';

export interface Dialect {
  readonly projectField: 'projectId' | 'workspaceId';
  /** v3 accepts a slug in place of the id, on reads by identities. */
  readonly slugField: 'workspaceSlug' | undefined;
  readonly expandDefault: boolean;
  readonly importsDefault: boolean;
  readonly importsField: 'includeImports' | 'include_imports';
  /** The July 2024 server does not know viewSecretValue and always answers values. */
  readonly knowsViewSecretValue: boolean;
  /** How a get without project or environment is refused. */
  readonly words: 'each its own' | 'one for both';
  /** v3 lists personal items next to shared ones; v4 only when asked. */
  readonly personalField: 'includePersonalOverrides' | undefined;
}

export function answerList(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { query } = call;
  const recursive = query.flag('recursive', false);
  const personal = dialect.personalField === undefined || query.flag(dialect.personalField, false);
  const tagSlugs = machine.traits.tagFilter ? (query.optionalText('tagSlugs') ?? '') : '';
  const request = readRequest(machine, call, dialect, 'list');
  if (machine.knobs.values.emptyLists) return request.imports ? { secrets: [], imports: [] } : { secrets: [] };
  return machine.lister.list(
    { ...request, recursive, personal, tagSlugs: tagSlugs.split(',').filter((slug) => slug !== '') },
    machine.knobs.values.unreadableInList,
  );
}

export function answerGet(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { query } = call;
  const type = query.oneOf('type', ['shared', 'personal'], 'shared');
  const version = query.optionalNumber('version');
  const request = readRequest(machine, call, dialect, 'get');
  return { secret: machine.reader.get({ ...request, name: call.param('secretName'), type, version }) };
}

function readRequest(machine: Machine, call: AuthedCall, dialect: Dialect, use: 'list' | 'get'): ReadRequest {
  const { query, identity } = call;
  const slug = dialect.slugField === undefined ? undefined : query.optionalText(dialect.slugField);
  const required = use === 'get' && dialect.projectField === 'projectId';
  const projectId = required ? query.text('projectId') : query.optionalText(dialect.projectField);
  const environment = query.optionalText('environment');
  const path = secretPathOf(machine, query);
  const viewValue = dialect.knowsViewSecretValue ? query.flag('viewSecretValue', true) : true;
  const expand = query.flag('expandSecretReferences', dialect.expandDefault);
  const imports = query.flag(dialect.importsField, dialect.importsDefault);
  query.check();
  const resolved = projectId ?? projectIdOfSlug(machine, call, slug);
  if (resolved === undefined || environment === undefined) throw missingPlace(dialect, use, environment);
  return { identity, projectId: resolved, environment, path, viewValue, expand, imports };
}

function projectIdOfSlug(machine: Machine, call: AuthedCall, slug: string | undefined): string | undefined {
  if (slug === undefined) return undefined;
  const id = machine.state.projectBySlug(slug)?.id ?? slug;
  return memberProject(machine.state, call.identity, id, machine.traits).id;
}

/** Unlike the paths of folders these get no slash in front: without one, nothing is found (row 21). */
export function secretPathOf({ traits }: Machine, fields: Fields): string {
  const text = fields.optionalText('secretPath') ?? '/';
  return traits.strictPaths ? withoutLastSlash(text) : normalisePath(text);
}

function missingPlace(
  { projectField, words }: Dialect,
  use: 'list' | 'get',
  environment: string | undefined,
): ApiFailure {
  if (use === 'get' && words === 'each its own') {
    // Seen on June 2025 (row 26).
    const missing = environment === undefined ? 'Missing environment' : 'You must provide workspaceSlug or workspaceId';
    return new ApiFailure('bad-request', missing);
  }
  const project = projectField === 'projectId' ? 'project id' : 'workspace id';
  return new ApiFailure('bad-request', `Missing ${project} or environment`);
}
