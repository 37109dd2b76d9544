// Folders, v1 and v2. Creating is idempotent and makes missing parents, so one call serves any depth.
import type { Express } from 'express';
import { memberProject, requireAccess } from './access.ts';
import { ApiFailure } from './errors.ts';
import { authed } from './gate.ts';
import { isBelow, joinPath, normalisePath, segmentsOf } from './paths.ts';
import { ensureFolder } from './state.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { Fields } from './fields.ts';
import type { Environment, Project } from './model.ts';

type ProjectField = 'projectId' | 'workspaceId';

export function addFolderRoutes(app: Express, machine: Machine): void {
  const routes: readonly (readonly [string, ProjectField])[] = [
    ['/api/v1/folders', 'workspaceId'],
    ...(machine.generation === 'v4' ? [['/api/v2/folders', 'projectId'] as const] : []),
  ];
  for (const [path, projectField] of routes) {
    app.post(path, ...authed(machine, 'secrets', (call) => createFolder(machine, call, projectField)));
    app.get(path, ...authed(machine, 'read', (call) => listFolders(machine, call, projectField)));
  }
}

function createFolder(machine: Machine, { body, identity }: AuthedCall, projectField: ProjectField): object {
  const projectId = body.text(projectField);
  const environment = body.text('environment');
  const name = body.text('name').trim();
  const parent = parentPath(body);
  // The July 2024 server did not check the segments.
  if (machine.generation === 'v4' && ![...segmentsOf(parent), name].every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    body.refuse('name', 'Folder name can only contain alphanumeric characters, dashes, and underscores');
  }
  body.check();
  const project = memberProject(machine.state, identity, projectId, machine.generation);
  const target = environmentOf(machine, project, environment);
  requireAccess(identity, 'create', { project, environment, path: parent });
  const folder = ensureFolder(target, joinPath(parent, name));
  return { folder: { id: folder.id, name, path: folder.path, envId: target.id, version: 1 } };
}

function listFolders(machine: Machine, { query, identity }: AuthedCall, projectField: ProjectField): object {
  const projectId = query.text(projectField);
  const environment = query.text('environment');
  const recursive = query.flag('recursive', false);
  const parent = parentPath(query);
  query.check();
  const project = memberProject(machine.state, identity, projectId, machine.generation);
  const { folders } = environmentOf(machine, project, environment);
  if (!folders.has(parent)) {
    if (machine.generation === '2024') return { folders: [] };
    throw new ApiFailure('not-found', `Folder with path '${parent}' not found`);
  }
  const below = [...folders.values()].filter(({ path }) => isBelow(path, parent));
  const depth = segmentsOf(parent).length + 1;
  const shown = recursive ? below : below.filter(({ path }) => segmentsOf(path).length === depth);
  return { folders: shown.map(({ id, path }) => ({ id, name: segmentsOf(path).at(-1) ?? '', path, version: 1 })) };
}

function parentPath(fields: Fields): string {
  return normalisePath(fields.optionalText('path') ?? fields.optionalText('directory') ?? '/');
}

function environmentOf(machine: Machine, project: Project, slug: string): Environment {
  const environment = project.environments.get(slug);
  if (environment !== undefined) return environment;
  const kind = machine.generation === 'v4' ? 'not-found' : 'bad-request';
  throw new ApiFailure(kind, `Environment with slug '${slug}' in project with ID ${project.id} not found`);
}
