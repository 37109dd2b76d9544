// Turns the query of a list or get call into a ReadRequest. A dialect names what differs between v4 and v3/raw:
// field names, flag spellings and defaults. Unknown spellings are ignored, which is how a client loses its imports.
import { memberProject } from './access.ts';
import { ApiFailure } from './errors.ts';
import { normalisePath } from './paths.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { ReadRequest } from './reading.ts';

export interface Dialect {
  readonly projectField: 'projectId' | 'workspaceId';
  /** v3 accepts a slug in place of the id, on reads by identities. */
  readonly slugField: 'workspaceSlug' | undefined;
  readonly expandDefault: boolean;
  readonly importsDefault: boolean;
  readonly importsField: 'includeImports' | 'include_imports';
  /** The July 2024 server does not know viewSecretValue and always answers values. */
  readonly knowsViewSecretValue: boolean;
  /** v3 lists personal items next to shared ones; v4 only when asked. */
  readonly personalField: 'includePersonalOverrides' | undefined;
}

export function answerList(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { query } = call;
  const recursive = query.flag('recursive', false);
  const personal = dialect.personalField === undefined || query.flag(dialect.personalField, false);
  const tagSlugs = machine.generation === 'v4' ? (query.optionalText('tagSlugs') ?? '') : '';
  const request = readRequest(machine, call, dialect, 'list');
  if (machine.knobs.values.emptyLists) return request.imports ? { secrets: [], imports: [] } : { secrets: [] };
  return machine.reader.list(
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
  const path = normalisePath(query.optionalText('secretPath') ?? '/');
  const viewValue = dialect.knowsViewSecretValue ? query.flag('viewSecretValue', true) : true;
  const expand = query.flag('expandSecretReferences', dialect.expandDefault);
  const imports = query.flag(dialect.importsField, dialect.importsDefault);
  query.check();
  const resolved = projectId ?? projectIdOfSlug(machine, call, slug);
  if (resolved === undefined || environment === undefined) throw missingPlace(dialect, use);
  return { identity, projectId: resolved, environment, path, viewValue, expand, imports };
}

function projectIdOfSlug(machine: Machine, call: AuthedCall, slug: string | undefined): string | undefined {
  if (slug === undefined) return undefined;
  const id = machine.state.projectBySlug(slug)?.id ?? slug;
  return memberProject(machine.state, call.identity, id, machine.generation).id;
}

function missingPlace(dialect: Dialect, use: 'list' | 'get'): ApiFailure {
  if (use === 'get' && dialect.projectField === 'projectId')
    return new ApiFailure('bad-request', 'Missing environment');
  const project = dialect.projectField === 'projectId' ? 'project id' : 'workspace id';
  return new ApiFailure('bad-request', `Missing ${project} or environment`);
}
