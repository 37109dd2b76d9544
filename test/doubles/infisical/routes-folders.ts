// Folders, v1 and v2. Creating is idempotent and makes missing parents, so one call serves any depth.
import type { Express } from 'express';
import { memberProject, Refusals } from './access.ts';
import { authed } from './gate.ts';
import { renderFolder } from './folder.ts';
import { isBelow, isPlainName, joinPath, normalisePath, segmentsOf } from './paths.ts';
import { environmentNotFound, requirePath } from './places.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { Fields } from './fields.ts';
import type { Environment, Project } from './model.ts';

type ProjectField = 'projectId' | 'workspaceId';

export function addFolderRoutes(app: Express, machine: Machine): void {
  const routes: readonly (readonly [string, ProjectField])[] = [
    ['/api/v1/folders', 'workspaceId'],
    ...(machine.traits.v4Routes ? [['/api/v2/folders', 'projectId'] as const] : []),
  ];
  for (const [path, projectField] of routes) {
    app.post(path, ...authed(machine, 'secrets', (call) => createFolder(machine, call, projectField)));
    app.get(path, ...authed(machine, 'read', (call) => listFolders(machine, call, projectField)));
  }
}

function createFolder(machine: Machine, { body, identity }: AuthedCall, projectField: ProjectField): object {
  const { traits } = machine;
  const projectId = body.text(projectField);
  const slug = body.text('environment');
  const name = body.text('name').trim();
  const parent = parentPath(body);
  if (traits.folderNames && !isPlainName(name)) {
    body.refuse('name', 'Invalid folder name. Only alphanumeric characters, dashes, and underscores are allowed.');
  }
  body.check();
  const project = memberProject(machine.state, identity, projectId, traits);
  new Refusals(traits).requireFolders(identity, { project, environment: slug, path: parent });
  const environment = environmentOf(machine, project, slug);
  requirePath(parent, traits);
  const folder = machine.state.makeFolder(environment, joinPath(parent, name));
  return { folder: renderFolder(folder, environment, traits, 'made') };
}

function listFolders(machine: Machine, { query, identity }: AuthedCall, projectField: ProjectField): object {
  const { traits } = machine;
  const projectId = query.text(projectField);
  const slug = query.text('environment');
  const recursive = query.flag('recursive', false);
  const parent = parentPath(query);
  query.check();
  const project = memberProject(machine.state, identity, projectId, traits);
  const environment = environmentOf(machine, project, slug);
  requirePath(parent, traits);
  // A folder that is not there has no folders: seen on June 2025 (row 30).
  const below = [...environment.folders.values()].filter(({ path }) => isBelow(path, parent));
  const depth = segmentsOf(parent).length + 1;
  const shown = recursive ? below : below.filter(({ path }) => segmentsOf(path).length === depth);
  return { folders: shown.map((folder) => renderFolder(folder, environment, traits, 'listed')) };
}

function parentPath(fields: Fields): string {
  return normalisePath(fields.optionalText('path') ?? fields.optionalText('directory') ?? '/');
}

function environmentOf(machine: Machine, project: Project, slug: string): Environment {
  const environment = project.environments.get(slug);
  if (environment === undefined) throw environmentNotFound(project.id, slug, machine.traits);
  return environment;
}
